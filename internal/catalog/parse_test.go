package catalog_test

import (
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gatehouse-io/gatehouse/internal/catalog"
	"github.com/gatehouse-io/gatehouse/internal/strictyaml"
)

var update = flag.Bool("update", false, "write what the golden files should have, to be looked at")

// golden runs parse over every file of a folder. Beside each is a file (.want):
// for a good one (good-*) the manifest that it gives and what is missing in it,
// for any other its faults.
func golden(t *testing.T, pattern string, parse func(string, []byte) (catalog.Manifest, error)) {
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) == 0 {
		t.Fatal("no cases", err)
	}
	for _, file := range files {
		name := filepath.Base(file)
		t.Run(name, func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			m, err := parse(name, data)
			good := strings.HasPrefix(name, "good-")
			if good != (err == nil) {
				t.Fatalf("good: %v, error: %v", good, err)
			}
			compare(t, strings.TrimSuffix(file, filepath.Ext(file))+".want", described(t, m, err))
		})
	}
}

// described is what a golden file holds: a manifest, or faults.
func described(t *testing.T, m catalog.Manifest, err error) string {
	t.Helper()
	if err != nil {
		var faults strictyaml.Faults
		if !errors.Is(err, catalog.ErrManifestInvalid) || !errors.As(err, &faults) {
			t.Fatalf("not a manifest's fault: %v", err)
		}
		return faults.Error() + "\n"
	}
	body, err := json.MarshalIndent(struct {
		Missing  []string         `json:"missing"`
		Manifest catalog.Manifest `json:"manifest"`
	}{m.Missing(), m}, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return string(body) + "\n"
}

func compare(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestManifestsAreReadOrRefusedWithEveryFault(t *testing.T) {
	golden(t, "testdata/manifest/*.yaml", catalog.ParseManifest)
}

func TestClientMetadataIsImportedOrRefusedWithEveryFault(t *testing.T) {
	golden(t, "testdata/metadata/*.json", catalog.ImportClientMetadata)
}

func TestParseTellsMetadataAndManifestsApart(t *testing.T) {
	flat, err := os.ReadFile("testdata/metadata/good-s9.json")
	if err != nil {
		t.Fatal(err)
	}
	m, err := catalog.Parse("s9.json", flat)
	if err != nil || m.Metadata.Name != "hr-feedback" || strings.Join(m.Missing(), " ") != "owner groups keys" {
		t.Errorf("%+v %v", m, err)
	}
	full, err := os.ReadFile("testdata/manifest/good-json.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if m, err := catalog.Parse("m.json", full); err != nil || m.Metadata.Name != "nightly" {
		t.Errorf("%+v %v", m, err)
	}
}

func TestAnAcceptedManifestReadsTheSameFromItsOwnJSON(t *testing.T) {
	files, _ := filepath.Glob("testdata/manifest/good-*.yaml")
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		first, err := catalog.ParseManifest(file, data)
		if err != nil {
			t.Fatal(err)
		}
		body, err := json.Marshal(first)
		if err != nil {
			t.Fatal(err)
		}
		second, err := catalog.ParseManifest(file, body)
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		a, _ := first.Digest()
		if b, _ := second.Digest(); a != b || !strings.HasPrefix(a, "sha256:") || len(a) != 71 {
			t.Errorf("%s: %s and %s", file, a, b)
		}
	}
}

func TestAManifestThatIsTooLargeIsRefused(t *testing.T) {
	if _, err := catalog.ParseManifest("m.yaml", []byte(strings.Repeat("#", 256<<10+1))); err == nil || !strings.Contains(err.Error(), "larger than") {
		t.Errorf("got %v", err)
	}
}

func FuzzParse(f *testing.F) {
	for _, pattern := range []string{"testdata/manifest/*.yaml", "testdata/metadata/*.json"} {
		files, _ := filepath.Glob(pattern)
		for _, file := range files {
			data, err := os.ReadFile(file)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(data)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, parse := range []func(string, []byte) (catalog.Manifest, error){catalog.ParseManifest, catalog.ImportClientMetadata} {
			m, err := parse("f", data)
			if err != nil {
				continue
			}
			body, err := json.Marshal(m)
			if err != nil {
				t.Fatal(err)
			}
			again, err := catalog.ParseManifest("again", body)
			if err != nil {
				t.Fatalf("accepted, and refused in its canonical form: %v\n%s", err, body)
			}
			a, _ := m.Digest()
			if b, _ := again.Digest(); a != b {
				t.Errorf("the digest depends on the form: %s", body)
			}
		}
	})
}
