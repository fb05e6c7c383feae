-- The grand totals are repaired from the users' totals, by what both say at one instant: a commit moves both, and sums
-- of differences do not depend on their order, so events may come in meanwhile. How often that was necessary is kept:
-- what an average was answered from in between is known to have been wrong.
alter table usage_reconciliation add column totals_repaired bigint not null default 0;

create function repair_totals() returns boolean language plpgsql as $$
declare
  missing record;
begin
  -- One at a time: two would add the same difference. The next statement sees all that is committed by then.
  perform from usage_reconciliation for update;

  select u.events - t.events as events, u.users - t.users as users, u.total - t.total as total into missing
  from (select coalesce(sum(events), 0) as events, count(*) as users, coalesce(sum(total), 0) as total
        from usage_users) u,
       (select coalesce(sum(events), 0) as events, coalesce(sum(users), 0) as users, coalesce(sum(total), 0) as total
        from usage_totals) t;
  if (missing.events, missing.users, missing.total) = (0, 0, 0) then
    return false;
  end if;

  insert into usage_totals as t (shard, events, users, total)
  values (0, missing.events, missing.users, missing.total)
  on conflict (shard) do update
  set events = t.events + excluded.events, users = t.users + excluded.users, total = t.total + excluded.total;
  update usage_reconciliation set totals_repaired = totals_repaired + 1;
  return true;
end
$$;
