package catalog

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/strictyaml"
)

// ErrPruneRefused is returned when applying a folder would remove too much.
var ErrPruneRefused = fault.New(fault.Conflict, "prune_refused", "this would remove too many apps")

// pruneShare is the part of all apps (one in pruneShare) that one prune may
// remove: a folder that was checked out half must not retire the rest.
const pruneShare = 5

// manifestFile is the name of a manifest in its app's folder.
const manifestFile = "microapp.yaml"

// File is one manifest, or client metadata, as it was written.
type File struct {
	// Name is the slash-separated path that faults are reported at.
	Name string `json:"name"`
	Data []byte `json:"data"`
}

// Batch says how several files are applied.
type Batch struct {
	// Folder says that the files are a whole folder: an app stands in a subfolder
	// of its own name.
	Folder bool
	// Prune removes the apps that the folder does not have. It is refused for an
	// empty folder, and when more than one app in five would go.
	Prune bool
}

// Report is what applying a batch did, in the order in which it was done.
type Report struct {
	Removed []string
	Applied []Result
}

// readFolder returns the manifests of a folder: <name>/microapp.yaml in any depth.
// Files of other names belong to the apps and are not read.
func readFolder(folder fs.FS) ([]File, error) {
	var files []File
	err := fs.WalkDir(folder, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		hidden := entry.IsDir() && name != "." && strings.HasPrefix(entry.Name(), ".")
		if hidden {
			return fs.SkipDir
		}
		if entry.IsDir() || entry.Name() != manifestFile {
			return nil
		}
		data, err := readManifest(folder, name)
		files = append(files, File{Name: name, Data: data})
		return err
	})
	if err != nil {
		return nil, fault.Wrap(err, fault.Invalid, "folder_unreadable", "the folder cannot be read: %s", err)
	}
	return files, nil
}

// readManifest reads no more of a file than what shows that it is too large.
func readManifest(folder fs.FS, name string) ([]byte, error) {
	f, err := folder.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // it was only read
	return io.ReadAll(io.LimitReader(f, maxManifest+1))
}

// CheckFolder reports every fault of every manifest in a folder, without a
// catalog: what a broker that has other apps as well would refuse is not known here.
func CheckFolder(folder fs.FS) (apps int, err error) {
	files, err := readFolder(folder)
	if err != nil {
		return 0, err
	}
	c := readCandidates(files, true)
	c.fit("", nil)
	return len(c.all), invalid(c.faults())
}

// ApplyFolder applies every manifest of a folder, as ApplyFiles does.
func (s *Service) ApplyFolder(ctx context.Context, folder fs.FS, prune bool, actor identity.Actor) (Report, error) {
	files, err := readFolder(folder)
	if err != nil {
		return Report{}, err
	}
	return s.ApplyFiles(ctx, files, Batch{Folder: true, Prune: prune}, actor)
}

// ApplyFiles adds and updates the apps of all files; only Batch.Prune removes
// any. When a file is bad nothing is applied, and the error has every fault of
// every file: ErrManifestInvalid, or ErrPruneRefused. The same files again change
// nothing. Each app is a transaction: a failing store stops the rest, and the
// report tells how far it went.
func (s *Service) ApplyFiles(ctx context.Context, files []File, b Batch, actor identity.Actor) (Report, error) {
	c := readCandidates(files, b.Folder)
	if len(c.faults()) > 0 {
		return Report{}, invalid(c.faults())
	}
	apps, err := s.Apps(ctx)
	if err != nil {
		return Report{}, err
	}
	gone, err := prunable(apps, c, b)
	if err != nil {
		return Report{}, err
	}
	apps = slices.DeleteFunc(apps, func(a App) bool { return slices.Contains(gone, a.Name) })
	c.fit(s.o.Issuer, apps)
	if len(c.faults()) > 0 {
		return Report{}, invalid(c.faults())
	}
	report := Report{}
	for _, name := range gone {
		if err := s.Remove(ctx, name, actor); err != nil {
			return report, err
		}
		report.Removed = append(report.Removed, name)
	}
	report.Applied, err = s.applyAll(ctx, c.manifests(), apps, Administrator(actor))
	return report, err
}

// applyAll applies manifests of which none clashes with another. One may take a
// client id or audience over that another gives up in the same batch: what is
// still taken is tried again after the others.
func (s *Service) applyAll(ctx context.Context, todo []Manifest, apps []App, v Voice) (done []Result, err error) {
	all := sides(apps).with(todo)
	for len(todo) > 0 {
		var later []Manifest
		var blocked error
		for _, m := range todo {
			r, err := s.apply(ctx, m, all, v)
			switch {
			case errors.Is(err, ErrClientIDTaken), errors.Is(err, ErrAudienceTaken):
				later, blocked = append(later, m), err
			case err != nil:
				return done, fmt.Errorf("apply %s: %w", m.Metadata.Name, err)
			default:
				done = append(done, r)
			}
		}
		if len(later) == len(todo) {
			return done, fmt.Errorf("apply %s: %w", later[0].Metadata.Name, blocked)
		}
		todo = later
	}
	return done, nil
}

// prunable lists the apps that a pruned batch no longer has, or refuses.
func prunable(apps []App, c candidates, b Batch) ([]string, error) {
	if !b.Prune {
		return nil, nil
	}
	var gone []string
	for _, a := range apps {
		if !c.names[a.Name] {
			gone = append(gone, a.Name)
		}
	}
	switch {
	case !b.Folder:
		return nil, fault.New(fault.Invalid, "prune_needs_folder", "only a whole folder says which apps are gone")
	case len(c.all) == 0:
		return nil, fault.New(ErrPruneRefused.Kind, ErrPruneRefused.Code, "the folder is empty: this would remove every app")
	case len(gone)*pruneShare > len(apps):
		return nil, fault.New(ErrPruneRefused.Kind, ErrPruneRefused.Code,
			"this would remove %d of %d apps, more than one in five: remove them by name (%s)", len(gone), len(apps), strings.Join(gone, ", "))
	}
	return gone, nil
}

// candidate is a file that was read, good or bad.
type candidate struct {
	manifest Manifest
	checker  *checker
}

// candidates are the files of a batch.
type candidates struct {
	all   []*candidate
	names map[string]bool
}

// readCandidates parses files and checks their names.
func readCandidates(files []File, folder bool) candidates {
	c := candidates{names: make(map[string]bool, len(files))}
	for _, f := range files {
		m, check := parse(f.Name, f.Data)
		name := m.Metadata.Name
		if dir := path.Base(path.Dir(f.Name)); folder && name != "" && dir != name && dir != "." {
			check.fail("metadata.name", "must be the name of the folder that the manifest is in, %s", dir)
		}
		if c.names[name] {
			check.fail("metadata.name", "is the name of another app in this batch")
		}
		c.names[name] = name != ""
		c.all = append(c.all, &candidate{m, check})
	}
	return c
}

// fit checks the candidates against each other and the apps that stay.
func (c candidates) fit(issuer string, apps []App) {
	claimed, current := claimsOf(issuer), make(map[string]*App, len(apps))
	for i, a := range apps {
		current[a.Name] = &apps[i]
		if !c.names[a.Name] {
			claimed.add(a)
		}
	}
	for _, one := range c.all {
		claimed.add(App{Name: one.manifest.Metadata.Name, Manifest: one.manifest})
	}
	for _, one := range c.all {
		for _, found := range claimed.clashes(one.manifest) {
			one.checker.fail(found.path, "%s", found.err.Detail)
		}
		if a := current[one.manifest.Metadata.Name]; a != nil {
			if err := a.wouldLack(one.manifest); err != nil {
				one.checker.fail("spec", "%s", fault.As(err).Detail)
			}
		}
	}
}

func (c candidates) manifests() []Manifest {
	list := make([]Manifest, len(c.all))
	for i, one := range c.all {
		list[i] = one.manifest
	}
	return list
}

func (c candidates) faults() strictyaml.Faults {
	var all strictyaml.Faults
	for _, one := range c.all {
		all = append(all, one.checker.faults...)
	}
	return all
}
