package main

import (
	"os"
	"path/filepath"
	"testing"
)

// TestTheReferenceIsWhatTheProductSays fails when a page of docs/reference says
// something else than the product: `make reference` writes it anew.
func TestTheReferenceIsWhatTheProductSays(t *testing.T) {
	root := filepath.Join("..", "..")
	pages, err := generate(t.Context(), root)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range pages {
		got, err := os.ReadFile(filepath.Join(root, "docs", "reference", name))
		if err != nil {
			t.Fatal(err)
		}
		if string(got) != want {
			t.Errorf("docs/reference/%s is not what the product says: run `make reference`", name)
		}
	}
	if len(pages) < 5 {
		t.Errorf("%d pages", len(pages))
	}
}
