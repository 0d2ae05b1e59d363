package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/gatehouse-io/gatehouse/cmd/broker/client"
	"github.com/gatehouse-io/gatehouse/internal/app"
)

// manifestName is the name of a manifest in its app's folder.
const manifestName = "microapp.yaml"

type appApplyCommand struct {
	connected
	Path  string `arg:"" help:"A microapp.yaml, a client's metadata in JSON, or a folder of <name>/microapp.yaml." type:"existingpath"`
	Prune bool   `help:"Remove the apps that the folder does not have. Refused for an empty folder and above one in five."`
}

// file is one manifest as the broker's batch wants it.
type file struct {
	Name string `json:"name"`
	Data []byte `json:"data"`
}

// Run applies a file or a folder: everything, or nothing when there is a fault.
func (c *appApplyCommand) Run() error {
	files, folder, err := readManifests(c.Path)
	if err != nil {
		return err
	}
	if out := terminal(); out != nil && folder {
		_, _ = fmt.Fprintf(out, "Applying %d manifests …\n", len(files)) // a terminal that is gone needs no news
	}
	body := encode(map[string]any{"files": files, "folder": folder, "prune": c.Prune})
	err = c.ask(client.Request{Method: http.MethodPost, Path: "/apps:import", Media: "application/json", Body: body}, describe)
	if e, ok := errors.AsType[*client.Error](err); ok && e.Code == rightMissing && !folder {
		return c.own(files[0], err)
	}
	return err
}

// rightMissing is the broker's code for whoever may not do something.
const rightMissing = "right_missing"

// own changes one app, as its owner may, who may not import; refused is what is said
// where the file is no manifest.
func (c *appApplyCommand) own(f file, refused error) error {
	name := app.ManifestName(f.Name, f.Data)
	if name == "" {
		return refused
	}
	r := client.Request{Method: http.MethodPut, Path: "/apps/" + url.PathEscape(name), Media: "application/yaml", Body: f.Data}
	return c.ask(r, func(out io.Writer, answer []byte) error {
		var one map[string]any
		if err := json.Unmarshal(answer, &one); err != nil {
			return fmt.Errorf("read the broker's answer: %w", err)
		}
		one["outcome"] = "updated"
		return describe(out, encode(map[string]any{"applied": []any{one}}))
	})
}

// readManifests returns the file, or every manifest in the folder, hidden
// folders left out.
func readManifests(path string) (files []file, folder bool, err error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, false, fmt.Errorf("read the manifests: %w", err)
	}
	if !info.IsDir() {
		data, err := os.ReadFile(path) //nolint:gosec // the operator names the file
		if err != nil {
			return nil, false, fmt.Errorf("read the manifest: %w", err)
		}
		return []file{{Name: filepath.ToSlash(path), Data: data}}, false, nil
	}
	root := os.DirFS(path)
	err = fs.WalkDir(root, ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && name != "." && strings.HasPrefix(entry.Name(), "."):
			return fs.SkipDir
		case entry.IsDir() || entry.Name() != manifestName:
			return nil
		}
		data, err := fs.ReadFile(root, name)
		files = append(files, file{Name: name, Data: data})
		return err
	})
	if err != nil {
		return nil, true, fmt.Errorf("read the folder: %w", err)
	}
	if len(files) == 0 {
		return nil, true, fmt.Errorf("there is no %s in %s: nothing is changed", manifestName, path)
	}
	return files, true, nil
}

// pending is what an app asks of an API and was not agreed to.
type pending struct {
	Path, Audience, Scope, Mode, API, Team string
}

// says what waits, and who can do what about it.
func (p pending) says(app string) string {
	what := fmt.Sprintf("not agreed to yet: %s of %s (%s), asked for in %s", p.Scope, cmp.Or(p.Audience, "the broker"), p.Mode, p.Path)
	switch {
	case p.API == "":
		return what + ": no app serves that API"
	case p.Team == "":
		return fmt.Sprintf("%s: an administrator can: broker app agree %s %s %s", what, p.API, app, p.Scope)
	}
	return fmt.Sprintf("%s: %s can, or an administrator: broker app agree %s %s %s", what, p.Team, p.API, app, p.Scope)
}

// describe says in words what became of every app.
func describe(out io.Writer, answer []byte) error {
	var said struct {
		Applied []struct {
			App      struct{ Name string }
			Outcome  string
			Secret   string `json:"client_secret"`
			Missing  []string
			Pending  []pending
			Warnings []string
		}
		Removed []string
	}
	if err := json.Unmarshal(answer, &said); err != nil {
		return fmt.Errorf("read the broker's answer: %w", err)
	}
	var text bytes.Buffer
	for _, name := range said.Removed {
		fmt.Fprintf(&text, "%s: removed\n", name)
	}
	for _, a := range said.Applied {
		fmt.Fprintf(&text, "%s: %s\n", a.App.Name, a.Outcome)
		if len(a.Missing) > 0 {
			fmt.Fprintf(&text, "  not launchable: nobody can use it until its manifest gives %s\n", strings.Join(a.Missing, ", "))
		}
		for _, w := range a.Warnings {
			fmt.Fprintf(&text, "  warning: %s\n", w)
		}
		for _, p := range a.Pending {
			fmt.Fprintf(&text, "  %s\n", p.says(a.App.Name))
		}
		if a.Secret != "" {
			fmt.Fprintf(&text, "  client secret, shown this once: %s\n", a.Secret)
		}
	}
	if len(said.Applied)+len(said.Removed) == 0 {
		text.WriteString("nothing to apply\n")
	}
	if _, err := text.WriteTo(out); err != nil {
		return fmt.Errorf("print: %w", err)
	}
	return nil
}
