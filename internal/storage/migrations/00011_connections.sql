-- +goose Up
-- Identity providers that administrators added. The row of one that was removed
-- stays, so that nobody else takes its id.
CREATE TABLE connections (id TEXT PRIMARY KEY, body TEXT NOT NULL, secret BYTEA, version BIGINT NOT NULL);

-- +goose Down
DROP TABLE connections;
