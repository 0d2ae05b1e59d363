-- +goose Up
-- What the upstream calls the person of a session, by which it ends it.
ALTER TABLE sessions ADD COLUMN upstream TEXT NOT NULL DEFAULT '';
CREATE INDEX sessions_upstream ON sessions (connection, upstream) WHERE upstream <> '';

-- +goose Down
DROP INDEX sessions_upstream;
ALTER TABLE sessions DROP COLUMN upstream;
