package integration

import (
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// nodeModules installs the independent clients once, from the lock file.
var nodeModules = sync.OnceValue(func() error {
	cmd := exec.Command("npm", "ci", "--no-audit", "--no-fund", "--loglevel=error")
	cmd.Dir = "node"
	out, err := cmd.CombinedOutput()
	if err != nil {
		return &nodeError{err, string(out)}
	}
	return nil
})

type nodeError struct {
	err error
	out string
}

func (e *nodeError) Error() string { return "npm ci: " + e.err.Error() + "\n" + e.out }

func TestOpenIDClientCompletesEveryFlow(t *testing.T) {
	t.Parallel()
	if err := nodeModules(); err != nil {
		t.Fatalf("`make test` installs Node.js: %v", err)
	}
	s := startDemo(t, tempDir(t), nil)
	cmd := exec.CommandContext(t.Context(), "node", filepath.Join("node", "openid-client.mjs"), s.factsFile(t))
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "all held") {
		t.Fatalf("openid-client: %v\n%s", err, out)
	}
	t.Logf("%s", out)
}
