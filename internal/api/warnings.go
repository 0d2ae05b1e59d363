package api

import (
	"context"
	"errors"
	"fmt"

	"github.com/gatehouse-io/gatehouse/internal/catalog"
	"github.com/gatehouse-io/gatehouse/internal/directory"
)

// groupsUnknown warns of every group of a manifest that is the name of no upstream group:
// nobody has the role by it until somebody gives one that name.
func (a *API) groupsUnknown(ctx context.Context, manifests ...catalog.Manifest) (map[string][]string, error) {
	mappings, err := a.o.Directory.Mappings(ctx)
	if err != nil {
		return nil, err
	}
	known := map[string]bool{}
	for _, m := range mappings {
		known[m.Name] = true
	}
	warnings := map[string][]string{}
	for _, m := range manifests {
		for i, e := range m.Spec.Entitlements {
			for j, group := range e.Groups {
				if !known[group] {
					warnings[m.Metadata.Name] = append(warnings[m.Metadata.Name], fmt.Sprintf(
						"spec.entitlements[%d].groups[%d]: no upstream group has the name %q here, so nobody gets in by it: an administrator gives one that name (broker group map)", i, j, group))
				}
			}
		}
	}
	return warnings, nil
}

// mapped is the answer to a mapping.
type mapped struct {
	directory.Mapping
	// Warnings say what is done and may not be meant.
	Warnings []string `json:"warnings,omitempty"`
}

// neverSeen warns of a group that no sign-in and no SCIM client told of.
func (a *API) neverSeen(ctx context.Context, m directory.Mapping) (mapped, error) {
	g, err := a.o.Directory.Group(ctx, m.Group)
	switch {
	case err != nil && !errors.Is(err, directory.ErrGroupNotFound):
		return mapped{Mapping: m}, err
	case err == nil && (!g.FirstSeen.IsZero() || g.Members > 0 || g.DisplayName != ""):
		return mapped{Mapping: m}, nil
	}
	return mapped{m, []string{fmt.Sprintf("nobody was seen in the group %q of %s yet: its id is compared byte for byte", m.Group.ID, m.Group.Connection)}}, nil
}
