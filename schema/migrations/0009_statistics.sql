-- Cohorts, and statistics of mentoring.

set local express.role = 'system';
set local role express_owner;

-- Pairs that were proposed together, by one assignment of many.
alter table mentoring.pair add column cohort_id uuid;
create index pair_cohort on mentoring.pair (cohort_id) where cohort_id is not null;
comment on column mentoring.pair.cohort_id is 'The assignment that this pair was proposed by.';

reset role;
