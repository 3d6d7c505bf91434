import { estimateShallowMemoryUsageOf } from "bun:jsc";
import { describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { UnreadableAnswer } from "../../src/aws/xml.ts";
import { readMessages } from "../../src/sqs/response.ts";
import { errorAnswer } from "../support/sqs-faults.ts";

const md5 = (text: string) => createHash("md5").update(text, "utf8").digest("hex");

/** The answer of a receive as AWS lays it out: one line. */
function aws(...messages: string[]): string {
  return (
    '<?xml version="1.0"?><ReceiveMessageResponse xmlns="http://queue.amazonaws.com/doc/2012-11-05/">' +
    `<ReceiveMessageResult>${messages.map((message) => `<Message>${message}</Message>`).join("")}` +
    "</ReceiveMessageResult><ResponseMetadata><RequestId>b6633655</RequestId></ResponseMetadata>" +
    "</ReceiveMessageResponse>"
  );
}

const attributes =
  "<Attribute><Name>SentTimestamp</Name><Value>1700000000123</Value></Attribute>" +
  "<Attribute><Name>ApproximateReceiveCount</Name><Value>2</Value></Attribute>";

function message(body: string, bodyXml: string, more = attributes): string {
  return (
    `<MessageId>m1</MessageId><ReceiptHandle>AQEB+/=</ReceiptHandle><MD5OfBody>${md5(body)}</MD5OfBody>` +
    `<Body>${bodyXml}</Body>${more}`
  );
}

const first = (xml: string) => readMessages(xml)[0];

describe("a receive", () => {
  test("as AWS answers it", () => {
    const body = '{"user_id":"a\\"b","note":"<&>\'\u2028😀"}\r\n';
    const xml = body
      .replaceAll("&", "&amp;")
      .replaceAll("<", "&lt;")
      .replaceAll('"', "&quot;")
      .replaceAll("\r", "&#xD;");
    const head = { messageId: "m1", receiptHandle: "AQEB+/=", sentAtMillis: 1700000000123, receiveCount: 2 };
    expect(readMessages(aws(message(body, xml)))).toEqual([{ ...head, body, bodyIntact: true }]);
  });

  test("as ElasticMQ answers it: pretty-printed, carriage returns in decimal, attributes anywhere", () => {
    const xml = `<ReceiveMessageResponse xmlns="http://queue.amazonaws.com/doc/2012-11-05/">
        <ReceiveMessageResult><Message>
        <MessageId>m1</MessageId>
        ${attributes}
        <MD5OfBody>${md5("a\r\nb")}</MD5OfBody>
        <Body>a&#13;
b</Body>
        <ReceiptHandle>m1#h</ReceiptHandle>
        <MessageAttribute><Name>x</Name><Value><DataType>String</DataType><StringValue>y</StringValue></Value></MessageAttribute>
      </Message></ReceiveMessageResult>
        <ResponseMetadata><RequestId>0</RequestId>
      </ResponseMetadata>
      </ReceiveMessageResponse>`;
    expect(readMessages(xml)).toMatchObject([{ receiptHandle: "m1#h", body: "a\r\nb", bodyIntact: true }]);
  });

  test("with no message", () => {
    expect(readMessages(aws())).toEqual([]);
    expect(readMessages(aws().replace("></ReceiveMessageResult>", " />"))).toEqual([]);
  });

  test.each([
    ["an empty body", "", ""],
    ["a raw carriage return, which a strict reader would turn into a line feed", "a\r\nb\r", "a\r\nb\r"],
    [
      "words that a message's fields are made of in its body",
      "</Body><MessageId>other</MessageId>",
      "&lt;/Body>&lt;MessageId>other&lt;/MessageId>",
    ],
  ])("with %s", (_, body, xml) => {
    expect(first(aws(message(body, xml)))).toMatchObject({ messageId: "m1", body, bodyIntact: true });
  });

  test.each([
    ["one", "two"],
    ["one\r", "one\n"],
  ])("with a body that is not the one the queue took: %j, %j", (sent, received) => {
    expect(first(aws(message(sent, received)))?.bodyIntact).toBe(false);
  });
});

describe("not an answer to a receive", () => {
  const sent = (value: string) => attributes.replace("1700000000123", value);
  test.each([
    ["of another action", aws().replaceAll("ReceiveMessage", "SendMessage")],
    ["an error in a 200", errorAnswer("AccessDenied")],
    ["no result", aws().replace("<ReceiveMessageResult></ReceiveMessageResult>", "")],
    ["no message id", aws(message("a", "a").replace("<MessageId>m1</MessageId>", ""))],
    ["no receipt handle", aws(message("a", "a").replace(/<ReceiptHandle>.*<.ReceiptHandle>/, ""))],
    ["no body", aws(message("a", "a").replace("<Body>a</Body>", ""))],
    ["no MD5", aws(message("a", "a").replace(/<MD5OfBody>.*<.MD5OfBody>/, ""))],
    ["no attributes", aws(message("a", "a", ""))],
    ["no value", aws(message("a", "a", attributes.replace("<Value>2</Value>", "")))],
    ["a time that is no number", aws(message("a", "a", sent("soon")))],
    ["a time that is empty", aws(message("a", "a", sent("")))],
    ["a time before 1970", aws(message("a", "a", sent("-1")))],
    ["a time that no double holds", aws(message("a", "a", sent("9999999999999999")))],
    ["more behind it", `${aws()}<more/>`],
  ])("%s", (_, xml) => {
    expect(() => readMessages(xml)).toThrow(UnreadableAnswer);
  });
});

describe("a message's attributes", () => {
  const attribute = (name: string, type: string, value: string) =>
    `<MessageAttribute><Name>${name}</Name><Value>${value}<DataType>${type}</DataType></Value></MessageAttribute>`;
  const xml = aws(
    message("one", "one") +
      attribute("trace", "String.w3c", "<StringValue>a&lt;b&amp;&#13;</StringValue>") +
      attribute("weight", "Number", "<StringValue>1.50</StringValue>") +
      attribute("seal", "Binary", "<BinaryValue>AP8=</BinaryValue>"),
    message("two", "two"),
  );

  test("are read as they were written if they were asked for, and are absent if not", () => {
    expect(readMessages(xml, true).map((read) => read.attributes)).toEqual([
      [
        { name: "trace", dataType: "String.w3c", value: "a<b&\r" },
        { name: "weight", dataType: "Number", value: "1.50" },
        { name: "seal", dataType: "Binary", value: "AP8=" },
      ],
      [],
    ]);
    expect(readMessages(xml).map((read) => "attributes" in read)).toEqual([false, false]);
  });

  test.each(["<StringValue>a</StringValue>", "<DataType>String</DataType>"])(
    "with %s alone are no answer",
    (value) => {
      const half = `<MessageAttribute><Name>n</Name><Value>${value}</Value></MessageAttribute>`;
      expect(() => readMessages(aws(message("a", "a") + half), true)).toThrow(UnreadableAnswer);
    },
  );
});

test("the group of a FIFO queue's message", () => {
  const group = "<Attribute><Name>MessageGroupId</Name><Value>host-&lt;1&gt;</Value></Attribute>";
  expect(readMessages(aws(message("a", "a", attributes + group)))[0]?.groupId).toBe("host-<1>");
  expect(readMessages(aws(message("a", "a")))[0]).not.toHaveProperty("groupId");
});

test("ids and handles of any characters come out as they were written", () => {
  const [messageId, ...handles] = ["\ufeffm😀", "h\u2028\ufeff", "ü😀".repeat(3_000), "a".repeat(9_000)];
  for (const receiptHandle of handles) {
    const xml = aws(message("a", "a").replace("m1", messageId).replace("AQEB+/=", receiptHandle));
    expect(readMessages(xml)).toMatchObject([{ messageId, receiptHandle }]);
  }
});

test("what outlives the body does not keep the answer in memory", () => {
  const handle = "A".repeat(400);
  const group = `<Attribute><Name>MessageGroupId</Name><Value>${"g".repeat(100)}</Value></Attribute>`;
  const xml = aws(
    message("a", "a", attributes + group)
      .replace("AQEB+/=", handle)
      .replace("m1", "m".repeat(36)),
  );
  const [read] = readMessages(xml);
  // A piece of another text is counted without its characters, which are the other's.
  const piece = estimateShallowMemoryUsageOf(xml.slice(100, 500));
  expect(piece).toBeLessThan(100);
  expect(estimateShallowMemoryUsageOf(read?.receiptHandle ?? "")).toBeGreaterThanOrEqual(400);
  expect(estimateShallowMemoryUsageOf(read?.messageId ?? "")).toBeGreaterThanOrEqual(piece + 20);
  expect(estimateShallowMemoryUsageOf(read?.groupId ?? "")).toBeGreaterThanOrEqual(100);
});
