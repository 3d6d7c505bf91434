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

-- When pruning left the ledger without an entry of the queue. Until then, an empty ledger has lost what the run stored.
-- 0.1.0 did not say when: its runs count if the ledger still knows their queue.
alter table :schema.etl_run add column if not exists forgotten_at timestamptz default now();
alter table :schema.etl_run alter column forgotten_at drop default;
update :schema.etl_run set forgotten_at = null
where forgotten_at is not null and queue_id in (
  select queue_id from :schema.etl_queue
  where (select true from :schema.etl_ledger where etl_ledger.queue_id = etl_queue.queue_id limit 1)
);
