package testkit

import (
	"bytes"
	"fmt"
	"os/exec"
)

// XMLSec runs xmlsec1, an implementation of XML Signature and XML Encryption on
// libxml2, and returns what it writes to its standard output. It never skips: without
// xmlsec1 the test fails and says how to get it.
func XMLSec(t T, args ...string) (string, error) {
	t.Helper()
	if _, err := exec.LookPath("xmlsec1"); err != nil {
		t.Fatal("xmlsec1 is missing: `make test` installs it")
	}
	cmd := exec.CommandContext(t.Context(), "xmlsec1", args...)
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	if err := cmd.Run(); err != nil {
		return out.String(), fmt.Errorf("xmlsec1 %s: %w: %s", args[0], err, said.String())
	}
	return out.String(), nil
}
