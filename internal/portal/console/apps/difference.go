package apps

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/gatehouse-io/gatehouse/internal/catalog"
	"github.com/gatehouse-io/gatehouse/internal/portal/console/kit"
)

// difference is one value of a manifest that another does not have like that.
type difference struct {
	Path string
	// Before is empty for a value that is added, After for one that is removed.
	Before, After string
}

// Kind is "added", "removed" or "changed".
func (d difference) Kind() string {
	switch {
	case d.Before == "":
		return "added"
	case d.After == "":
		return "removed"
	}
	return "changed"
}

// differences lists the values that two manifests do not share, by their paths.
// Without a first one everything is added.
func differences(before, after catalog.Manifest, any bool) ([]difference, error) {
	old, err := flatten(before)
	if err != nil {
		return nil, err
	}
	if !any {
		old = map[string]string{}
	}
	next, err := flatten(after)
	if err != nil {
		return nil, err
	}
	paths := slices.Concat(slices.Collect(maps.Keys(old)), slices.Collect(maps.Keys(next)))
	slices.Sort(paths)
	var all []difference
	for _, path := range slices.Compact(paths) {
		if old[path] != next[path] {
			all = append(all, difference{path, old[path], next[path]})
		}
	}
	return all, nil
}

// flatten makes a list of paths and texts of a manifest.
func flatten(m catalog.Manifest) (map[string]string, error) {
	raw, err := json.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("compare manifests: %w", err)
	}
	var tree any
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	if err := dec.Decode(&tree); err != nil {
		return nil, fmt.Errorf("compare manifests: %w", err)
	}
	flat := map[string]string{}
	var walk func(path string, v any)
	walk = func(path string, v any) {
		switch v := v.(type) {
		case map[string]any:
			for name, inner := range v {
				if path != "" {
					name = path + "." + name
				}
				walk(name, inner)
			}
		case []any:
			if texts, ok := words(v); ok {
				flat[path] = kit.Joined(texts)
				return
			}
			for i, inner := range v {
				walk(path+"["+strconv.Itoa(i)+"]", inner)
			}
		case nil:
		default:
			flat[path] = fmt.Sprint(v)
		}
	}
	walk("", tree)
	return flat, nil
}

// words returns the items of a list that has nothing but texts.
func words(list []any) ([]string, bool) {
	texts := make([]string, len(list))
	for i, v := range list {
		text, ok := v.(string)
		if !ok {
			return nil, false
		}
		texts[i] = text
	}
	return texts, true
}
