-- +goose Up
-- Changes that wait for a second person, and those that were decided on.
CREATE TABLE admin_changes (id TEXT PRIMARY KEY, state TEXT NOT NULL, expires BIGINT NOT NULL, body TEXT NOT NULL);
-- The first answers to requests with an Idempotency-Key, encrypted; no answer yet
-- means that the request is under way, or that nobody knows how it ended.
CREATE TABLE api_answers (
  scope TEXT NOT NULL, name TEXT NOT NULL, fingerprint BYTEA NOT NULL, answer BYTEA, expires BIGINT NOT NULL, PRIMARY KEY (scope, name)
);
CREATE INDEX api_answers_expires ON api_answers (expires);

-- +goose Down
DROP TABLE api_answers;
DROP TABLE admin_changes;
