package console_test

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/gatehouse-io/gatehouse/internal/portal/console/consoletest"
	"github.com/gatehouse-io/gatehouse/internal/portal/console/kit"
)

// TestTheGermanOfEveryPartReachesItsPages: a part whose files are not given to the kit
// would speak English in the middle of a German page.
func TestTheGermanOfEveryPartReachesItsPages(t *testing.T) {
	s := consoletest.New(t)
	files, err := filepath.Glob("*/de.yaml")
	if err != nil || len(files) < 2 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		given := slices.ContainsFunc(s.Console.Parts(), func(p kit.Part) bool {
			if p.Files == nil {
				return false
			}
			got, err := fs.ReadFile(p.Files, "de.yaml")
			return err == nil && bytes.Equal(got, want)
		})
		if !given && file != "kit/de.yaml" { // which the kit has by itself
			t.Errorf("no part gives %s to the kit", file)
		}
	}
}
