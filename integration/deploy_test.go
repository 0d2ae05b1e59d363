package integration

import (
	"crypto/rand"
	"encoding/base64"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/gatehouse-io/gatehouse/config"
)

// metricName finds our metrics in a query, and the runtime's.
var metricName = regexp.MustCompile(`\b(gatehouse|process)_[a-z_]+\b`)

// TestDashboardAndAlertsAskForMetricsThatThereAre compares what they ask for with
// what a broker tells once somebody has signed in.
func TestDashboardAndAlertsAskForMetricsThatThereAre(t *testing.T) {
	s := startDemo(t, tempDir(t), nil)
	s.signIn(t, "alice", "expense-bot")
	told := scraped(t, s.Facts().Metrics)
	for _, file := range []string{"prometheus/alerts.yaml", "grafana/gatehouse.json"} {
		text, err := os.ReadFile(filepath.Join("..", "deploy", filepath.FromSlash(file)))
		if err != nil {
			t.Fatal(err)
		}
		asked := metricName.FindAllString(string(text), -1)
		if len(asked) == 0 {
			t.Errorf("%s asks for nothing", file)
		}
		slices.Sort(asked)
		for _, name := range slices.Compact(asked) {
			if !strings.Contains(told, "\n"+name+" ") && !strings.Contains(told, "\n"+name+"{") {
				t.Errorf("%s asks for %s, which is not told", file, name)
			}
		}
	}
}

// scraped reads the metrics like Prometheus.
func scraped(t *testing.T, from string) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, from, nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("%d %v", res.StatusCode, err)
	}
	return string(body)
}

// TestTheConfigurationOfComposeIsOne loads it with the environment that
// compose.yaml gives every replica.
func TestTheConfigurationOfComposeIsOne(t *testing.T) {
	secrets := t.TempDir()
	file := func(name, value string) string {
		path := filepath.Join(secrets, name)
		if err := os.WriteFile(path, []byte(value), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	key := make([]byte, 32)
	_, _ = rand.Read(key) // crypto/rand.Read never fails
	environ := []string{
		"GATEHOUSE_DATA_DIR=" + secrets, "GATEHOUSE_LISTEN=0.0.0.0:8080", "GATEHOUSE_DATABASE_DRIVER=postgres",
		"GATEHOUSE_DATABASE_DSN_FILE=" + file("dsn", "postgres://gatehouse@postgres/gatehouse"),
		"GATEHOUSE_REDIS_URL_FILE=" + file("redis", "redis://redis:6379/0"),
		"GATEHOUSE_ENCRYPTION_KEY_FILE=" + file("key", base64.StdEncoding.EncodeToString(key)),
		"GATEHOUSE_TRUSTED_PROXIES=172.29.0.0/24", "GATEHOUSE_METRICS_ALLOW=127.0.0.0/8,172.29.0.0/24",
	}
	compose, err := os.ReadFile(filepath.Join("..", "deploy", "compose", "compose.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, variable := range environ[2:] {
		name, _, _ := strings.Cut(variable, "=")
		if !strings.Contains(string(compose), name+":") {
			t.Errorf("compose.yaml sets no %s", name)
		}
	}
	if _, err := config.Load(filepath.Join("..", "deploy", "compose", "broker.yaml"), environ); err != nil {
		t.Error(err)
	}
}
