package integration

import (
	"bytes"
	"database/sql"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-io/gatehouse/config"
	"github.com/gatehouse-io/gatehouse/internal/testkit"
)

// What Dex's own migrations make of the tables that are asked for people.
const dexTables = `
CREATE TABLE refresh_token (id text not null primary key, client_id text not null, scopes bytea not null, nonce text not null, claims_user_id text not null,
  claims_username text not null, claims_email text not null, claims_email_verified boolean not null, claims_groups bytea not null, connector_id text not null,
  connector_data bytea, token text not null default '');
CREATE TABLE offline_session (user_id text not null, conn_id text not null, refresh bytea not null, PRIMARY KEY (user_id, conn_id));
CREATE TABLE password (email text not null primary key, hash bytea not null, username text not null, user_id text not null);
INSERT INTO refresh_token VALUES ('r1', 'app', '[]', '', '220', 'Kim Doe', 'kim@acme.example', true, '["engineering"]', 'google', '{"x":"never-to-be-seen"}', 'never-to-be-seen');
INSERT INTO offline_session VALUES ('220', 'google', '{}');
INSERT INTO password VALUES ('pat@acme.example', 'never-to-be-seen', 'pat', 'pat-1');`

// guide are the blocks of a page of the guide, by their language.
func guide(t *testing.T, name string) map[string][]string {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("..", "docs", "guide", name))
	if err != nil {
		t.Fatal(err)
	}
	blocks := map[string][]string{}
	for _, m := range regexp.MustCompile("(?ms)^```([a-z]*)\n(.*?)^```$").FindAllStringSubmatch(string(raw), -1) {
		blocks[m[1]] = append(blocks[m[1]], m[2])
	}
	return blocks
}

// TestTheGuideToMovingIsAsItSays runs every command of the page, on an export of a real
// Keycloak and on tables as Dex makes them.
func TestTheGuideToMovingIsAsItSays(t *testing.T) {
	t.Parallel()
	s := startUnpushed(t, time.Now, func(c *config.Config) {
		for _, id := range []string{"google-workspace", "old-keycloak"} {
			of := c.Connections[0]
			of.ID, of.Title = id, id
			c.Connections = append(c.Connections, of)
		}
	})
	dir := tempDir(t)
	binary := filepath.Join(dir, "broker")
	output(t, "..", "go", "build", "-o", binary, "./cmd/broker")
	realm, err := os.ReadFile(filepath.Join("..", "internal", "porting", "testdata", "keycloak-26-realm.json"))
	if err != nil {
		t.Fatal(err)
	}
	write := func(name string, content []byte) {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("acme-realm.json", realm)
	write("acme-users-0.json", []byte(`{"realm":"acme","users":[]}`))
	blocks := guide(t, "move.md")
	write("dex.json", dexRows(t, "sqlite", "file:"+filepath.Join(dir, "dex.db"), blocks["sqlite"][0]))
	if other := dexRows(t, "pgx", testkit.Postgres(t), blocks["postgresql"][0]); len(bytes.Split(other, []byte("\n"))) != 4 {
		t.Errorf("from PostgreSQL:\n%s", other)
	}
	ran := 0
	var last string
	for _, block := range blocks["sh"] {
		for line := range strings.Lines(block) {
			cmd := exec.CommandContext(t.Context(), "sh", "-c", strings.TrimSpace(line))
			cmd.Dir, cmd.Env = dir, append(os.Environ(), "PATH="+dir+":"+os.Getenv("PATH"), "GATEHOUSE_SOCKET="+s.broker.Socket())
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Errorf("%s: %v\n%s", line, err, out)
			}
			if strings.Contains(string(out), "never-to-be-seen") {
				t.Errorf("%s shows a secret:\n%s", line, out)
			}
			ran, last = ran+1, string(out)
		}
	}
	if ran != 7 {
		t.Errorf("%d commands ran", ran)
	}
	if !regexp.MustCompile(`(?m)^person +0 +0 +\d+ +0$`).MatchString(last) {
		t.Errorf("what was exported is as it is:\n%s", last)
	}
	out := exportedBy(t, binary, s.broker.Socket())
	for _, want := range []string{
		`"id":"e6575e0c-7c63-43ab-9724-bcf6ec1553a9","identities":[{"connection":"google-workspace","subject":"110169484474386276334"},{"connection":"old-keycloak","subject":"e6575e0c-7c63-43ab-9724-bcf6ec1553a9"}]`,
		`"display_name":"/engineering/platform/on-call"`,
	} {
		if !strings.Contains(out, want) {
			t.Errorf("there is no %s in\n%s", want, out)
		}
	}
	if strings.Contains(out, `"subject":"220"`) {
		t.Error("what was only looked at was applied")
	}
}

func exportedBy(t *testing.T, binary, socket string) string {
	t.Helper()
	return output(t, "", binary, "directory", "export", "--socket", socket)
}

// dexRows are the rows that a query of the guide finds in the tables of Dex.
func dexRows(t *testing.T, driver, dsn, query string) []byte {
	t.Helper()
	db, err := sql.Open(driver, dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	if _, err := db.ExecContext(t.Context(), dexTables); err != nil {
		t.Fatal(err)
	}
	rows, err := db.QueryContext(t.Context(), query)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	var out bytes.Buffer
	for rows.Next() {
		var row []byte
		if err := rows.Scan(&row); err != nil || !json.Valid(row) {
			t.Fatalf("%v: %s", err, row)
		}
		out.Write(append(row, '\n'))
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}
