-- +goose Up
-- The app that a receiver was when it heard of somebody: whoever has its client_id next
-- hears of none of them. Which of two apps it was that have streams is not known, and is
-- neither.
ALTER TABLE signal_subjects ADD COLUMN app TEXT NOT NULL DEFAULT '';
UPDATE signal_subjects SET app = COALESCE((SELECT CASE WHEN min(s.app) = max(s.app) THEN min(s.app) END FROM signal_streams s WHERE s.client = receiver), '');

-- +goose Down
ALTER TABLE signal_subjects DROP COLUMN app;
