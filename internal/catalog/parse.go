package catalog

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/strictyaml"
)

// The only apiVersion and kind of a manifest.
const (
	APIVersion = "marketplace/v1alpha1"
	Kind       = "MicroApp"
)

// maxManifest is the largest manifest, in bytes.
const maxManifest = 256 << 10

// ErrManifestInvalid is the refusal of a manifest. Its detail has every fault,
// one a line, as file:line:column: path: message; errors.As finds them as
// strictyaml.Faults.
var ErrManifestInvalid = fault.New(fault.Invalid, "manifest_invalid", "the manifest has faults")

// invalid returns ErrManifestInvalid around faults, or nil when there is none.
func invalid(faults strictyaml.Faults) error {
	if faults.Err() == nil {
		return nil
	}
	return fault.Wrap(faults, fault.Invalid, ErrManifestInvalid.Code, "%s", faults.Error())
}

// Parse reads data as what it is: the flat client metadata of RFC 7591 when its
// first level has a client_id, else a manifest. See ImportClientMetadata and
// ParseManifest.
func Parse(file string, data []byte) (Manifest, error) {
	m, c := parse(file, data)
	return m, invalid(c.faults)
}

func parse(file string, data []byte) (Manifest, *checker) {
	var flat struct {
		ClientID json.RawMessage `json:"client_id"`
	}
	if json.Unmarshal(data, &flat) == nil && flat.ClientID != nil {
		return importMetadata(file, data)
	}
	return parseManifest(file, data)
}

// ParseManifest reads a microapp.yaml, in YAML or JSON. It refuses what it does
// not know, and reports every fault at once: ErrManifestInvalid.
//
// An owner, entitlements and client keys may be missing: then Missing names them
// and nobody gets into the app.
func ParseManifest(file string, data []byte) (Manifest, error) {
	m, c := parseManifest(file, data)
	return m, invalid(c.faults)
}

func parseManifest(file string, data []byte) (Manifest, *checker) {
	var m Manifest
	doc, faults := strictyaml.Decode(data, &m, strictyaml.Options{File: file, MaxBytes: maxManifest, Unknown: later})
	c := &checker{file: file, doc: doc, faults: faults}
	c.manifest(&m)
	return m, c
}

// checker collects what is wrong with a manifest beyond its form.
type checker struct {
	file   string
	doc    *strictyaml.Document
	faults strictyaml.Faults
	// rename translates the paths of a manifest into those of another document
	// that it was made from; nil leaves them.
	rename func(path string) string
}

// fail adds a fault at path, unless the value has one already.
func (c *checker) fail(path, message string, args ...any) {
	if c.rename != nil {
		path = c.rename(path)
	}
	if strings.HasPrefix(message, "must ") && !c.doc.Has(path) {
		message = "is required and " + message
	}
	if !c.faults.Covers(c.file, path) {
		c.faults = append(c.faults, c.doc.Fault(path, message, args...))
	}
}

// unique checks that no item of a list stands there twice.
func (c *checker) unique(path string, items []string) {
	for i, item := range items {
		if slices.Contains(items[:i], item) {
			c.fail(index(path, i), "is listed twice")
		}
	}
}

func index(path string, i int) string { return fmt.Sprintf("%s[%d]", path, i) }

// laterFields are fields of the format that this version does not act on. It
// refuses them: what a manifest says and nothing holds to would be a lie.
var laterFields = map[string][]string{
	"metadata": {"labels", "annotations"},
	"spec": {
		"risk", "template", "catalog", "privileges", "data", "thirdParty", "connectors", "events", "gateway", "sidecar",
		"composition", "artifacts", "tests", "operations", "sla", "cost", "lifecycle", "compliance",
	},
	"spec.entitlements":  {"approval", "maxDuration", "conflictsWith", "attributes", "stepUp"},
	"spec.identity":      {"provisioning"},
	"spec.identity.oidc": {"claims", "session"},
}

// later explains a field that belongs to the format but not to this version.
func later(path string) string {
	dot := strings.LastIndexByte(path, '.')
	if dot < 0 {
		return ""
	}
	group, _, _ := strings.Cut(path[:dot], "[")
	if slices.Contains(laterFields[group], path[dot+1:]) {
		return "belongs to the manifest format, but this version does not act on it: leave it out"
	}
	return ""
}

// Missing says what keeps the app from being used: "owner", "groups" (nobody may
// use it) and "keys" (private_key_jwt without any). Nobody signs in to an
// incomplete app, and its client gets nothing.
func (m *Manifest) Missing() []string {
	var missing []string
	if m.Spec.Owner.Team == "" || m.Spec.Owner.Primary == "" {
		missing = append(missing, "owner")
	}
	client := m.Spec.Identity.OIDC
	grouped := slices.ContainsFunc(m.Spec.Entitlements, func(e Entitlement) bool { return len(e.Groups) > 0 })
	if signsIn := m.Spec.Identity.SAML != nil || client != nil && client.has(grantCode); signsIn && !grouped {
		missing = append(missing, "groups")
	}
	if client != nil && client.TokenEndpointAuthMethod == methodPrivateKey && len(client.JWKS) == 0 && client.JWKSURI == "" {
		missing = append(missing, "keys")
	}
	return missing
}

// Digest returns SHA-256 over the manifest in its canonical form, as
// "sha256:<hex>". How the file was written does not matter to it.
func (m *Manifest) Digest() (string, error) {
	canonical, err := json.Marshal(m)
	if err != nil {
		return "", fmt.Errorf("canonical form of the manifest of %s: %w", m.Metadata.Name, err)
	}
	sum := sha256.Sum256(canonical)
	return "sha256:" + hex.EncodeToString(sum[:]), nil
}
