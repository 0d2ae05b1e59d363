package config_test

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-io/gatehouse/config"
)

// key returns a fresh encryption key as text.
func key() string {
	b := make([]byte, 32)
	_, _ = rand.Read(b)
	return base64.StdEncoding.EncodeToString(b)
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// minimal is the shortest good environment.
func minimal(more ...string) []string {
	return append([]string{"GATEHOUSE_ISSUER=https://login.example", "GATEHOUSE_ENCRYPTION_KEY=" + key(), "HOME=/nowhere"}, more...)
}

func lines(err error) []string {
	if err == nil {
		return nil
	}
	return strings.Split(err.Error(), "\n")
}

func TestTheSampleLoadsAndSaysTheDefaults(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "broker.yaml"), string(config.Sample()))
	write(t, filepath.Join(dir, "encryption.key"), key()+"\n")
	got, err := config.Load(filepath.Join(dir, "broker.yaml"), nil)
	if err != nil {
		t.Fatal(err)
	}
	want, err := config.Load("", minimal())
	if err != nil {
		t.Fatal(err)
	}
	if got.DataDir != filepath.Join(dir, "gatehouse-data") || got.Socket != filepath.Join(dir, "gatehouse-data", "broker.sock") {
		t.Errorf("paths do not start at the file: %s, %s", got.DataDir, got.Socket)
	}
	want.Issuer, want.DataDir, want.Socket = got.Issuer, got.DataDir, got.Socket
	want.EncryptionKey, want.EncryptionKeyFile = got.EncryptionKey, got.EncryptionKeyFile
	if a, b := fmt.Sprintf("%+v", got), fmt.Sprintf("%+v", want); a != b {
		t.Errorf("the sample and the defaults differ:\n%s\n%s", a, b)
	}
}

func TestTheExamplesOfTheSampleLoad(t *testing.T) {
	dir := t.TempDir()
	text := regexp.MustCompile(`(?m)^# (connections:|mappings:|  )`).ReplaceAllString(string(config.Sample()), "$1")
	text = strings.ReplaceAll(text, "\n  # ", "\n  ")
	text = strings.ReplaceAll(text, "driver: sqlite", "driver: postgres")
	write(t, filepath.Join(dir, "broker.yaml"), text)
	for file, content := range map[string]string{
		"encryption.key": key(), "acme.secret": "s3cret\n", "logo.svg": "<svg/>",
		"secrets/postgres-dsn": "postgres://u:p@db/g", "secrets/redis-url": "redis://:p@cache:6379/0",
	} {
		if err := os.MkdirAll(filepath.Join(dir, filepath.Dir(file)), 0o700); err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(dir, file), content)
	}
	c, err := config.Load(filepath.Join(dir, "broker.yaml"), nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Connections) != 3 || c.Connections[2].SCIM.Guard.Share != 20 || c.Connections[1].SAML.MaxAge != 7*24*time.Hour || c.Connections[0].ClientSecret.Reveal() != "s3cret" || c.Connections[0].Claims["department"] == "" {
		t.Errorf("connections: %+v", c.Connections)
	}
	if len(c.Mappings) != 1 || c.Apps.Folder != filepath.Join(dir, "apps") || c.Redis.URL.Reveal() != "redis://:p@cache:6379/0" || c.Tracing.Endpoint == "" {
		t.Errorf("%+v", c)
	}
}

func TestEveryScalarCanBeSetFromTheEnvironment(t *testing.T) {
	file := filepath.Join(t.TempDir(), "broker.yaml")
	write(t, file, "issuer: https://a.example\nconnections:\n  - {id: big-corp, issuer: https://idp.example, client_id: x, client_secret_file: nowhere}\n")
	next := key()
	c, err := config.Load(file, minimal(
		"GATEHOUSE_ISSUER=https://b.example/gate", "GATEHOUSE_ENCRYPTION_KEY="+next, "GATEHOUSE_PREVIOUS_ENCRYPTION_KEYS="+key()+","+key(),
		"GATEHOUSE_DATABASE_DRIVER=postgres", "GATEHOUSE_DATABASE_DSN=postgres://db", "GATEHOUSE_OUTGOING_TIMEOUT=3s",
		"GATEHOUSE_OUTGOING_ALLOW_NETWORKS=10.0.0.0/8, 192.168.0.0/16", "GATEHOUSE_TRACING_RATIO=0.25", "GATEHOUSE_OUTGOING_MAX_BYTES=70000",
		"GATEHOUSE_CONNECTIONS_BIG_CORP_CLIENT_SECRET=abc", "GATEHOUSE_CONNECTIONS_BIG_CORP_USERINFO=true", "GATEHOUSE_CONNECTIONS_BIG_CORP_GROUPS_CLAIM=roles",
		"GATEHOUSE_SERVICE_HOST=10.0.0.1", "GATEHOUSE_PORT=tcp://10.0.0.1:80", "GATEHOUSE_PORT_80_TCP_ADDR=10.0.0.1", "GATEHOUSE_CONFIG=x",
	))
	if err != nil {
		t.Fatal(err)
	}
	n := c.Connections[0]
	if c.Issuer != "https://b.example/gate" || c.EncryptionKey.Reveal() != next || len(c.PreviousEncryptionKeys) != 2 || c.Database.DSN.Reveal() != "postgres://db" ||
		c.Outgoing.Timeout != 3*time.Second || len(c.Outgoing.AllowNetworks) != 2 || c.Tracing.Ratio != 0.25 || c.Outgoing.MaxBytes != 70000 ||
		n.ClientSecret.Reveal() != "abc" || !n.UserInfo || n.Groups.Claim != "roles" {
		t.Errorf("%+v", c)
	}
}

func TestASecretIsReadFromTheFileThatTheEnvironmentNames(t *testing.T) {
	file, text := filepath.Join(t.TempDir(), "key"), key()
	write(t, file, text+"\n")
	c, err := config.Load("", []string{"GATEHOUSE_ISSUER=https://login.example", "GATEHOUSE_ENCRYPTION_KEY_FILE=" + file})
	if err != nil || c.EncryptionKey.Reveal() != text {
		t.Errorf("%v", err)
	}
}

func TestFaultsOfTheEnvironmentNameTheVariableAndNotItsValue(t *testing.T) {
	_, err := config.Load("", minimal(
		"GATEHOUSE_TYPO=1", "GATEHOUSE_SESSION_IDLE=soon", "GATEHOUSE_ENCRYPTION_KEY=hunter2", "GATEHOUSE_LOG_LEVEL=loud",
		"GATEHOUSE_DATABASE_DSN_FILE=/nowhere/dsn", "GATEHOUSE_TRUSTED_PROXIES=0.0.0.0/0", "GATEHOUSE_REDIS_URL=http://:hunter2@x"))
	want := []string{
		"environment: GATEHOUSE_SESSION_IDLE: must be a duration such as 30s, 15m, 8h or 90d",
		"environment: GATEHOUSE_TYPO: unknown variable",
		"environment: GATEHOUSE_DATABASE_DSN_FILE: cannot be read: open /nowhere/dsn: no such file or directory",
		"environment: GATEHOUSE_REDIS_URL: must be a redis://, rediss:// or unix:// URL",
		"environment: GATEHOUSE_ENCRYPTION_KEY: must be 32 bytes in base64, such as `broker init` makes",
		"environment: GATEHOUSE_TRUSTED_PROXIES: would let everybody say who they are: name the proxies' networks",
		"environment: GATEHOUSE_LOG_LEVEL: must be debug, info, warn or error",
	}
	if got := lines(err); !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestASecretGivenTwiceIsRefused(t *testing.T) {
	file := filepath.Join(t.TempDir(), "key")
	write(t, file, key())
	if _, err := config.Load("", minimal("GATEHOUSE_ENCRYPTION_KEY_FILE="+file)); err == nil || !strings.Contains(err.Error(), "cannot be given together") {
		t.Errorf("got %v", err)
	}
}

// Every file in testdata/faults is a configuration, and beside it (.want) are the
// faults that it has, in order.
func TestFaultyFilesAreReportedWithEveryFaultAndItsPlace(t *testing.T) {
	files, err := filepath.Glob("testdata/faults/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatal("no cases", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			want, err := os.ReadFile(strings.TrimSuffix(file, ".yaml") + ".want")
			if err != nil {
				t.Fatal(err)
			}
			_, err = config.Load(file, nil)
			if err == nil {
				t.Fatal("was loaded")
			}
			got := strings.ReplaceAll(err.Error(), "testdata/faults/", "") + "\n"
			if got != string(want) {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
}

func TestValidateSaysTheSameOfAConfigMadeOtherwise(t *testing.T) {
	c, err := config.Load("", minimal())
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Validate(); err != nil {
		t.Errorf("a good configuration is refused: %v", err)
	}
	c.Issuer = "http://login.example"
	if err := c.Validate(); err == nil || err.Error() != "configuration: issuer: must be https, or http on loopback" {
		t.Errorf("got %v", err)
	}
}

func TestAMissingFileIsNotAnEmptyOne(t *testing.T) {
	if _, err := config.Load(filepath.Join(t.TempDir(), "none.yaml"), minimal()); !os.IsNotExist(unwrapped(err)) {
		t.Errorf("got %v", err)
	}
}

func unwrapped(err error) error {
	if u, ok := err.(interface{ Unwrap() error }); ok {
		return u.Unwrap()
	}
	return err
}

func TestSecretsAreNeverPrinted(t *testing.T) {
	c, err := config.Load("", minimal("GATEHOUSE_DATABASE_DRIVER=postgres", "GATEHOUSE_DATABASE_DSN=postgres://u:planted@db"))
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "config", c, "dsn", c.Database.DSN)
	slog.New(slog.NewTextHandler(&out, nil)).Info("x", "config", c)
	_, _ = fmt.Fprintf(&out, "%v %+v %#v %s %q", c, c, c, c.Database.DSN, c.Database.DSN)
	if err := json.NewEncoder(&out).Encode(c); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(out.String(), "planted") || strings.Contains(out.String(), c.EncryptionKey.Reveal()) {
		t.Error("a secret was printed")
	}
	if c.Database.DSN.Reveal() != "postgres://u:planted@db" || !strings.Contains(out.String(), "[secret]") {
		t.Error("the test prints nothing")
	}
}

func TestEveryFieldHasANameInTheFile(t *testing.T) {
	var check func(reflect.Type)
	check = func(typ reflect.Type) {
		for i := range typ.NumField() {
			f := typ.Field(i)
			if f.Tag.Get("yaml") == "" {
				t.Errorf("%s.%s has no yaml tag", typ.Name(), f.Name)
			}
			if f.Type.Kind() == reflect.Struct && f.Type.PkgPath() == typ.PkgPath() {
				check(f.Type)
			}
		}
	}
	check(reflect.TypeFor[config.Config]())
	check(reflect.TypeFor[config.Connection]())
	check(reflect.TypeFor[config.Mapping]())
}

func FuzzParse(f *testing.F) {
	f.Add("issuer: https://a.example\n", "GATEHOUSE_LOG_LEVEL=info")
	f.Add(string(config.Sample()), "GATEHOUSE_CONNECTIONS_ACME_SCOPES=openid,,x")
	f.Fuzz(func(t *testing.T, text, variable string) {
		if strings.Contains(text+variable, "_file") || strings.Contains(variable, "_FILE") {
			t.Skip("reads files")
		}
		c, err := config.Parse("f.yaml", []byte(text), []string{variable})
		if again := c.Validate(); err == nil && again != nil {
			t.Errorf("loads and does not validate: %v", again)
		}
	})
}
