/** The bench's hold on its queue, which runs in another process. */

import { startHelper } from "./child-process.ts";
import { controlPaths, type Filling, type QueueReport, queueUrl } from "./queue-server.ts";

/** A queue that is running. */
export interface QueueProcess {
  /** As a client is to be given it. */
  readonly queueUrl: string;
  /** Forgets what was, and holds new messages. */
  fill(filling: Filling): Promise<void>;
  report(): Promise<QueueReport>;
  /** When the delete of each message arrived, in microseconds since 1970 UTC; 0 where none has. */
  deletions(): Promise<Float64Array>;
  stop(): Promise<void>;
}

/** Starts the queue; it ends with this process at the latest. */
export async function startQueueProcess(): Promise<QueueProcess> {
  const { said: url, stop } = await startHelper("queue");
  const get = async (path: string) => {
    const response = await fetch(new URL(path, url));
    if (!response.ok) throw new Error(`the bench's queue answers ${response.status}`);
    return response;
  };
  return {
    queueUrl: queueUrl(url),
    async fill(filling) {
      await fetch(new URL(controlPaths.fill, url), { method: "POST", body: JSON.stringify(filling) });
    },
    report: async () => (await (await get(controlPaths.report)).json()) as QueueReport,
    deletions: async () => new Float64Array(await (await get(controlPaths.deletions)).arrayBuffer()),
    async stop() {
      await stop();
    },
  };
}
