-- +goose Up
-- Which client ids the connections name as those that may bring their provider's tokens.
-- app is who was meant by one that was given up since, empty while none was.
CREATE TABLE named_clients (
  connection TEXT NOT NULL, client_id TEXT NOT NULL, app TEXT NOT NULL DEFAULT '', PRIMARY KEY (connection, client_id)
);
CREATE INDEX named_clients_client ON named_clients (client_id);

-- +goose Down
DROP TABLE named_clients;
