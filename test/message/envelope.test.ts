import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { eventBridgeDetail, snsNotification } from "../../src/message/envelope.ts";
import { parseExactJson } from "../../src/message/json.ts";
import { isRefusal } from "../../src/message/rejection.ts";

const notification = {
  Type: "Notification",
  MessageId: "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324",
  TopicArn: "arn:aws:sns:us-west-2:123456789012:MyTopic",
  Message: '{"user":{"id":1.50}}',
  Timestamp: "2012-05-02T00:54:06.655Z",
  MessageAttributes: {
    kind: { Type: "String", Value: "login" },
    count: { Type: "Number", Value: "5" },
    __proto__: undefined,
  },
};

describe("an SNS notification", () => {
  test("gives the sender's text and attributes", () => {
    expect(snsNotification(JSON.stringify(notification))).toEqual({
      text: '{"user":{"id":1.50}}',
      attributes: [
        { name: "kind", dataType: "String", value: "login" },
        { name: "count", dataType: "Number", value: "5" },
      ],
    });
  });

  test("may have no attributes", () => {
    const { MessageAttributes: _, ...bare } = notification;
    expect(snsNotification(JSON.stringify(bare))).toEqual({ text: notification.Message, attributes: [] });
  });

  test.each([
    ["an attribute", '"kind":{"Type":"String","Value":5}'],
    ["attributes", '"kind":"login"'],
  ])("%s that is none refuses it", (_name, attribute) => {
    const body = `{"Type":"Notification","Message":"{}","MessageAttributes":{${attribute}}}`;
    expect(snsNotification(body)).toEqual({ reason: "envelope_not_sns", path: "" });
  });

  test.each([
    ["{}", "envelope_not_sns"],
    ['{"Message":"{}"}', "envelope_not_sns"],
    ['{"Type":"Notification"}', "envelope_not_sns"],
    ['{"Type":"Notification","Message":{}}', "envelope_not_sns"],
    ['{"Type":"SubscriptionConfirmation","Message":"{}"}', "envelope_not_sns"],
    ['{"Type":"Notification","Message":"{}","MessageAttributes":[]}', "envelope_not_sns"],
    ['{"__proto__":{"Type":"Notification","Message":"{}"}}', "envelope_not_sns"],
    ["[]", "body_not_object"],
    ["hello", "body_not_json"],
  ])("%s: %s", (body, reason) => {
    expect(snsNotification(body)).toEqual({ reason, path: "" } as never);
  });
});

describe("an EventBridge event", () => {
  const read = (body: string) => eventBridgeDetail(body, parseExactJson);

  test("gives its detail, with the digits of its numbers", () => {
    const outcome = read('{"version":"0","detail-type":"order","source":"shop","detail":{"total":1.50}}');
    expect(JSON.stringify(outcome)).toBe('{"fields":{"total":1.50}}');
  });

  test.each([
    ["{}", "envelope_not_eventbridge"],
    ['{"detail":{}}', "envelope_not_eventbridge"],
    ['{"detail-type":"x"}', "envelope_not_eventbridge"],
    ['{"detail-type":"x","detail":"{}"}', "envelope_not_eventbridge"],
    ['{"detail-type":"x","detail":[]}', "envelope_not_eventbridge"],
    ['{"detail-type":"x","detail":null}', "envelope_not_eventbridge"],
    ['{"detail-type":"x","detail":1.5}', "envelope_not_eventbridge"],
    ['{"__proto__":{"detail-type":"x","detail":{}}}', "envelope_not_eventbridge"],
    ["5", "body_not_object"],
    ["1.5", "body_not_object"],
    ["", "body_not_json"],
  ])("%s: %s", (body, reason) => {
    expect(read(body)).toEqual({ reason, path: "" } as never);
  });
});

test("a hostile envelope is taken off or refused, without a trace of it", () => {
  const names = fc.constantFrom(
    "Type",
    "Message",
    "MessageAttributes",
    "detail",
    "detail-type",
    "reason",
    "__proto__",
  );
  const value = fc.oneof(
    fc.constantFrom<unknown>("Notification", "{}", {}, { a: { Type: "String", Value: "x" } }),
    fc.jsonValue(),
  );
  fc.assert(
    fc.property(fc.array(fc.tuple(names, value), { maxLength: 5 }), (fields) => {
      const body = `{${fields.map(([name, each]) => `"${name}":${JSON.stringify(each)}`).join(",")}}`;
      for (const outcome of [snsNotification(body), eventBridgeDetail(body, parseExactJson)])
        if (isRefusal(outcome)) expect(Object.keys(outcome)).toEqual(["reason", "path"]);
    }),
    { numRuns: 2000 },
  );
});
