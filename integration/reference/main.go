// Command reference writes docs/reference: the configuration, the command line,
// the endpoints, the events and the metrics, each read from the product itself, so
// that no page says what is not so.
//
//	go run ./integration/reference -out docs/reference
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"os"
	"path/filepath"
)

func main() {
	out := flag.String("out", "docs/reference", "the folder that is written")
	root := flag.String("root", ".", "the repository")
	flag.Parse()
	pages, err := generate(context.Background(), *root)
	if err != nil {
		log.Fatal(err)
	}
	for name, text := range pages {
		if err := os.WriteFile(filepath.Join(*out, name), []byte(text), 0o644); err != nil { //nolint:gosec // G306: documentation is for everybody
			log.Fatal(err)
		}
	}
}

// generate returns every page by its file name.
func generate(ctx context.Context, root string) (map[string]string, error) {
	pages := map[string]string{}
	for name, page := range map[string]func(context.Context, string) (string, error){
		"configuration.md": configuration, "cli.md": commandLine, "events.md": events,
	} {
		text, err := page(ctx, root)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		pages[name] = text
	}
	running, err := start(ctx)
	if err != nil {
		return nil, fmt.Errorf("start a broker: %w", err)
	}
	defer running.stop()
	for name, page := range map[string]func(context.Context, *broker) (string, error){"endpoints.md": endpoints, "metrics.md": metrics} {
		text, err := page(ctx, running)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		pages[name] = text
	}
	return pages, nil
}

// generated begins every page.
const generated = "<!-- Written by `make reference` from the product itself: change it there. -->\n\n"
