-- A queue is registered once for each table that it is drained into: a message is stored once in each of them.
-- What 0.1.0 registered belongs to the table that its last run named, or else to the one that is migrated.
alter table :schema.etl_queue add column if not exists table_name text;
update :schema.etl_queue set table_name = coalesce(
  (
    select table_name from :schema.etl_run
    where etl_run.queue_id = etl_queue.queue_id
    order by ended_at desc limit 1
  ),
  :table
) where table_name is null;
alter table :schema.etl_queue alter column table_name set not null;
alter table :schema.etl_queue drop constraint if exists etl_queue_arn_key;
create unique index if not exists etl_queue_arn_table_name on :schema.etl_queue (arn, table_name);

-- Sending times of some of the messages that the run stored. The ledger must have entries of them until pruning takes them:
-- else it has lost some, unless a person accepted that.
alter table :schema.etl_run add column if not exists stored_sent_at timestamptz[];
alter table :schema.etl_run add column if not exists retention_seconds integer;
alter table :schema.etl_run add column if not exists forgotten_at timestamptz;

-- Of the messages that became rows: how many had no such field, and how many had a field that no column takes, by name.
alter table :schema.etl_run add column if not exists mapped bigint not null default 0;
alter table :schema.etl_run add column if not exists absent jsonb not null default '{}';
alter table :schema.etl_run add column if not exists unmapped jsonb not null default '{}';
