-- A user. `deleted_at` is set first when a user is deleted: from then on nobody sees the user, and the row stays as the
-- note of what is still to be done until the user's todos are gone.
create table todos_users (
  id uuid primary key,
  email text not null,
  email_key text not null,
  name text not null,
  created_at timestamptz not null default now(),
  deleted_at timestamptz
);

-- `email_key` is the address as it is compared: its case does not count. It is free again once its user is deleted.
create unique index todos_users_email_key on todos_users (email_key) where deleted_at is null;

-- Deletions that are not finished: few, or none.
create index todos_users_deleted_at on todos_users (deleted_at) where deleted_at is not null;
