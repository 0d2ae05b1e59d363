-- +goose Up
-- What is undone is found by when it ended.
CREATE INDEX record_members_closed ON record_members (connection, until) WHERE until <> 0;

-- +goose Down
DROP INDEX record_members_closed;
