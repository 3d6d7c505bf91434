/** The bench's queue as a process of its own, so that its CPU time is nobody else's. */

import { startQueueServer } from "../queue-server.ts";

const { url } = startQueueServer();
console.log(url);
// Standard input ends when the bench does, however it ends.
for await (const _ of Bun.stdin.stream()) {
}
process.exit(0);
