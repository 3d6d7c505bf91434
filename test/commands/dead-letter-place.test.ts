import { expect, test } from "bun:test";
import { redrivePlace } from "../../src/commands/dead-letter-place.ts";

const url = "https://sqs.eu-west-1.amazonaws.com/000000000001/logins";
const arn = "arn:aws:sqs:eu-west-1:000000000001:logins";

test.each([
  ["no redrive policy", undefined, undefined],
  [
    "a queue beside it",
    "arn:aws:sqs:eu-west-1:000000000001:dead",
    { name: "dead", url: "https://sqs.eu-west-1.amazonaws.com/000000000001/dead" },
  ],
  ["another account", "arn:aws:sqs:eu-west-1:000000000002:dead", { name: "dead", url: undefined }],
  ["another region", "arn:aws:sqs:eu-west-2:000000000001:dead", { name: "dead", url: undefined }],
])("where a redrive policy leads: %s", (_, deadLetterArn, place) => {
  const attributes = deadLetterArn === undefined ? { arn } : { arn, deadLetterArn };
  expect(redrivePlace(url, attributes)).toEqual(place);
});
