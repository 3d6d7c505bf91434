-- What each run did: written now and then while it drains, and at its end. A drain works without this table.
create table if not exists :schema.etl_run (
  queue_id        integer not null,
  run_id          uuid not null,
  table_name      text not null,
  started_at      timestamptz not null,
  ended_at        timestamptz not null,
  outcome         text not null,
  received        bigint not null,
  inserted        bigint not null,
  -- Of these, the rows that were recorded before the UTC day that the run ended on.
  inserted_before bigint not null,
  duplicates      bigint not null,
  rejected        bigint not null,
  released        bigint not null,
  unsettled       bigint not null,
  deleted         bigint not null,
  requests        bigint not null,
  rejections      jsonb not null,
  limited_by      text,
  version         text not null,
  primary key (queue_id, run_id)
);

-- One row per message that was rejected: where and why, and nothing that it holds. A drain works without this table.
-- Its key is that of the ledger, which knows whether the message was stored later on.
create table if not exists :schema.etl_rejection (
  sent_at         timestamptz not null,
  message_key     uuid not null,
  queue_id        integer not null,
  message_id      text not null,
  reason          text not null,
  path            text not null,
  column_name     text,
  constraint_name text,
  times           integer not null,
  first_at        timestamptz not null,
  last_at         timestamptz not null,
  primary key (sent_at, message_key, queue_id)
);
