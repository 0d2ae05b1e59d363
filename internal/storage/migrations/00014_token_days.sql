-- +goose Up
-- Issued tokens by whole days, so that the totals of a week need not add up every
-- hour. A day is summed once, some hours after it is over; number is where the days
-- end that are.
CREATE TABLE token_days (
  day BIGINT NOT NULL, app TEXT NOT NULL, client TEXT NOT NULL, grant_type TEXT NOT NULL, count BIGINT NOT NULL,
  PRIMARY KEY (day, app, client, grant_type)
);
INSERT INTO counters (name, number) VALUES ('token_days', 0);

-- +goose Down
DELETE FROM counters WHERE name = 'token_days';
DROP TABLE token_days;
