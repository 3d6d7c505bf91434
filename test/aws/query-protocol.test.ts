import { expect, test } from "bun:test";
import fc from "fast-check";
import { encodeForm, readErrorBody } from "../../src/aws/query-protocol.ts";
import { sqs } from "../../src/sqs/errors.ts";
import { errorAnswer } from "../support/sqs-faults.ts";

/** As any server reads a form. */
function decodeForm(form: string): [string, string][] {
  return [...new URLSearchParams(form)];
}

const names = fc.constantFrom("Action", "QueueUrl", "SendMessageBatchRequestEntry.10.MessageBody");

test("every value arrives as it was, one form after the other, in ASCII alone", () => {
  const values = fc.string({ unit: "binary", maxLength: 300 });
  fc.assert(
    fc.property(fc.array(fc.tuple(names, values)), (parameters) => {
      const form = encodeForm(parameters);
      expect(form).toMatch(/^[A-Za-z0-9_.~%&=-]*$/);
      expect(decodeForm(form)).toEqual(parameters);
    }),
  );
});

test.each([
  ["plain ones", "x"],
  ["such as take a byte more than they are characters", "\u00e9"],
  ["such as take nine times as much in the form", "\u20ac"],
  ["pairs of surrogates", "\u{1f600}"],
])("a form grows with its values, of %s, and the next one is none the larger", (_, character) => {
  for (const length of [7_000, 22_000, 100_000, 1_100_000]) {
    const value = character.repeat(length);
    const parameters: [string, string][] = [
      ["a", "1+/="],
      ["b", value],
      ["c", value.slice(0, 50)],
      ["d", value],
    ];
    expect(decodeForm(encodeForm(parameters))).toEqual(parameters);
    expect(encodeForm([["a", "b c"]])).toBe("a=b%20c");
  }
});

test("half a surrogate pair becomes the character that stands for such", () => {
  expect(encodeForm([["a", "x\ud800y"]])).toBe("a=x%EF%BF%BDy");
  expect(encodeForm([["a", `${"x".repeat(30_000)}\udfff`]])).toEndWith("x%EF%BF%BD");
});

test("no parameters make no form", () => {
  expect(encodeForm([])).toBe("");
});

/** The code of an error of SQS. */
function codeOf(body: string): string | undefined {
  const { code = "", text } = readErrorBody(body, false);
  return (sqs.refineCode?.(code, text) ?? code) || undefined;
}

test.each([
  [errorAnswer("AWS.SimpleQueueService.NonExistentQueue"), "AWS.SimpleQueueService.NonExistentQueue"],
  [errorAnswer("AccessDenied", "a stand-in may leave a raw < & in what follows the code"), "AccessDenied"],
  [
    "<ErrorResponse><RequestId>1</RequestId><Error><Code>\n  OverLimit </Code></Error></ErrorResponse>",
    "OverLimit",
  ],
  [
    errorAnswer(
      "InvalidParameterValue",
      "Value AQEB for parameter ReceiptHandle is invalid. Reason: The receipt handle has expired.",
    ),
    "ReceiptHandleIsInvalid",
  ],
  [
    errorAnswer(
      "InvalidParameterValue",
      "Value 1-2 for parameter ReceiveRequestAttemptId is invalid. Reason: The receive call is not retryable.",
    ),
    "ReceiveRequestAttemptIdIsInvalid",
  ],
  [
    errorAnswer("InvalidParameterValue", "Value 50000 for parameter VisibilityTimeout is invalid."),
    "InvalidParameterValue",
  ],
  [errorAnswer("AccessDenied", "Value AQEB for parameter ReceiptHandle is invalid."), "AccessDenied"],
  [errorAnswer("\u001b[31mred"), undefined],
  [errorAnswer("x".repeat(101)), undefined],
  ["<UnknownOperationException/>", undefined],
  ["<html><body>502 Bad Gateway</body></html>", undefined],
  ["", undefined],
])("the code of an error: %p", (xml, code) => {
  expect(codeOf(xml)).toBe(code as string);
});
