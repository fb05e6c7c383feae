-- Running totals, so that an average costs the same at a thousand events and at a million.
-- The tables have free space in their pages: an update then stays in its page and touches no index.

-- A user's totals; `events` is also the version of the user's aggregate in DynamoDB.
create table usage_users (
  user_id text primary key,
  events bigint not null,
  total numeric not null
) with (fillfactor = 70);

-- The grand totals, spread over 64 rows that are added up when read: one row would make all writers wait for each other.
create table usage_totals (
  shard smallint primary key,
  events bigint not null,
  users bigint not null,
  total numeric not null
) with (fillfactor = 20);

-- Until this is committed nobody writes an event: none falls between the sums and what counts from then on.
lock table usage_events in share row exclusive mode;

insert into usage_users (user_id, events, total)
select user_id, count(*), sum(usage) from usage_events group by user_id;

insert into usage_totals (shard, events, users, total)
select 0, coalesce(sum(events), 0), count(*), coalesce(sum(total), 0) from usage_users;

-- Records one event in one round trip and one commit. The event's row decides: only who inserts it counts it, so the
-- call is idempotent by its id and by its key. Locks are taken in the order event, user, shard.
create function record_usage(
  event_id uuid,
  event_user text,
  event_usage numeric,
  event_key text,
  out outcome text,
  out id uuid,
  out recorded_at text,
  out events bigint,
  out total numeric
) language plpgsql as $$
declare
  stored usage_events;
begin
  insert into usage_events (id, user_id, usage, idempotency_key)
  values (event_id, event_user, event_usage, event_key)
  on conflict do nothing
  returning * into stored;

  if found then
    outcome := 'recorded';

    insert into usage_users as u (user_id, events, total) values (event_user, 1, event_usage)
    on conflict (user_id) do update set events = u.events + 1, total = u.total + excluded.total
    returning u.events, u.total into record_usage.events, record_usage.total;

    insert into usage_totals as t (shard, events, users, total)
    values (floor(random() * 64), 1, case record_usage.events when 1 then 1 else 0 end, event_usage)
    on conflict (shard) do update
    set events = t.events + 1, users = t.users + excluded.users, total = t.total + excluded.total;
  else
    if event_key is null then
      select * into strict stored from usage_events e where e.id = event_id;
    else
      select * into strict stored from usage_events e where e.idempotency_key = event_key;
    end if;

    outcome := case
      when stored.id = event_id then 'recorded'
      when stored.user_id = event_user and stored.usage = event_usage then 'replayed'
      else 'conflict'
    end;

    select u.events, u.total into record_usage.events, record_usage.total
    from usage_users u where u.user_id = stored.user_id;
  end if;

  id := stored.id;
  recorded_at := to_char(stored.recorded_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"');
end
$$;
