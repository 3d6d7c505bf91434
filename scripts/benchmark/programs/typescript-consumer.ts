/** What one would write in TypeScript: sqs-consumer, the AWS SDK and postgres, ten rows an insert, no ledger. */

import { SQSClient } from "@aws-sdk/client-sqs";
import postgres from "postgres";
import { Consumer } from "sqs-consumer";
import { toLoginRow } from "../login-row.ts";

const { ETL_QUEUE_URL: queueUrl = "", DATABASE_URL: databaseUrl = "", BENCH_CONSUMERS = "1" } = process.env;
const count = Number(BENCH_CONSUMERS);

// Without it the SDK writes a warning at every call that the queue is not AWS's.
const sqs = new SQSClient({ endpoint: new URL(queueUrl).origin });
const sql = postgres(databaseUrl, { max: count });

const consumers = Array.from({ length: count }, () =>
  Consumer.create({
    queueUrl,
    sqs,
    batchSize: 10,
    messageSystemAttributeNames: ["SentTimestamp"],
    async handleMessageBatch(messages) {
      const rows = messages.map(({ Body = "", Attributes }) =>
        toLoginRow(Body, Number(Attributes?.SentTimestamp)),
      );
      await sql`insert into user_logins ${sql(rows)}`;
      return messages;
    },
  }),
);

let stopping = false;
for (const consumer of consumers) {
  consumer.on("error", (error) => {
    // The polls that are open at the end are cut off.
    if (!stopping) throw error;
  });
  consumer.start();
}
process.once("SIGTERM", async () => {
  stopping = true;
  for (const consumer of consumers) consumer.stop({ abort: true });
  await sql.end();
  process.exit(0);
});
