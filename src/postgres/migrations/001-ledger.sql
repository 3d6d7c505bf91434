-- One row per queue that has been drained into a table of this schema.
create table if not exists :schema.etl_queue (
  queue_id integer generated always as identity primary key,
  arn      text not null unique
);

-- One entry per message that is stored: a message that the queue delivers again is found here, and not stored again.
-- sent_at comes first in the key: it is the same on every delivery, so the key grows at its end, and old entries can
-- be deleted by range. Keep them for longer than the queue keeps its messages.
create table if not exists :schema.etl_ledger (
  sent_at    timestamptz not null,
  message_id uuid not null,
  queue_id   integer not null,
  primary key (sent_at, message_id, queue_id)
);
