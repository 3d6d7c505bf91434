/** The plain way of the reference exercise: one message, one insert with its commit, one delete, and the next. */

import { DeleteMessageCommand, ReceiveMessageCommand, SQSClient } from "@aws-sdk/client-sqs";
import postgres from "postgres";
import { toLoginRow } from "../login-row.ts";

const { ETL_QUEUE_URL: QueueUrl = "", DATABASE_URL: databaseUrl = "" } = process.env;

// Without it the SDK writes a warning at every call that the queue is not AWS's.
const sqs = new SQSClient({ endpoint: new URL(QueueUrl).origin });
const sql = postgres(databaseUrl, { max: 1 });
const receive = new ReceiveMessageCommand({
  QueueUrl,
  WaitTimeSeconds: 20,
  MessageSystemAttributeNames: ["SentTimestamp"],
});

process.once("SIGTERM", async () => {
  await sql.end();
  process.exit(0);
});
for (;;) {
  const { Messages: [message] = [] } = await sqs.send(receive);
  if (message === undefined) continue;
  const row = toLoginRow(message.Body ?? "", Number(message.Attributes?.SentTimestamp));
  await sql`insert into user_logins ${sql(row)}`;
  await sqs.send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle: message.ReceiptHandle }));
}
