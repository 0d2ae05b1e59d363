package internal_test

import (
	"encoding/json"
	"errors"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/gatehouse-io/gatehouse"

// ground lists the packages that everything stands on, lowest first. Each may
// import those before it, and nothing else of ours.
var ground = []string{
	"strictyaml", "sink", "identity", "fault", "memo", "event", "audit", "job", "cache", "httpx", "telemetry", "keys", "backup", "revoke", "token", "ui",
}

// nouns may import ground and the nouns named here.
var nouns = map[string][]string{
	"activity":    {"grant"},
	"directory":   {},
	"connection":  {},
	"policy":      {},
	"trace":       {},
	"session":     {"directory"},
	"grant":       {"directory", "session"},
	"admin":       {"directory"},
	"catalog":     {"directory", "strictyaml"},
	"registry":    {"catalog", "directory"},
	"entitlement": {"registry", "catalog", "directory"},
	"claims":      {"entitlement", "registry", "catalog", "directory"},
	"porting":     {"admin", "entitlement", "registry", "catalog", "directory"},
	"signal":      {"claims", "entitlement", "registry", "catalog", "directory", "grant", "session"},
}

// faces may import ground and every noun, and no other face.
var faces = []string{"saml", "upstream", "login", "oidc", "tokenexchange", "scim", "ssf", "api", "portal", "storage", "demo"}

// database is what every part of storage stands on. It knows ground alone.
const database = "storage/sqldb"

// stored are the parts of storage that import others, besides the database: storage puts
// them together.
var stored = map[string][]string{
	database:              {"storage/migrations"},
	"storage/grants":      {"storage/sessions"},
	"storage/access":      {"storage/queues"},
	"storage/people":      {"storage/access", "storage/apitokens"},
	"storage/apps":        {"storage/access", "storage/apitokens", "storage/connections"},
	"storage/assignments": {"storage/people", "storage/access", "storage/queues"},
	"storage/admins":      {"storage/people", "storage/access"},
	"storage/records":     {"storage/records/index", "storage/admins", "storage/people", "storage/access", "storage/apitokens"},
	"storage/imports":     {"storage/records", "storage/people", "storage/access", "storage/apitokens"},
	"storage/facts":       {"storage/apps", "storage/people", "storage/access"},
}

// queries is the query language of SCIM: plain data and a parser, which whoever asks a
// directory and whoever answers shares.
const queries = "scim/filter"

// console is where the administrators' pages are. Its parts know each other by what the
// common ones say, lowest first, and by nothing else; only console itself knows all.
const console = "portal/console"

// stage puts the whole product below the console together, for its tests.
const stage = console + "/consoletest"

var common = []string{console + "/kit", console + "/names"}

// withinConsole reports whether a package of the console may import another.
func withinConsole(from, to string) bool {
	if from == console {
		return true
	}
	i, j := slices.Index(common, from), slices.Index(common, to)
	return j >= 0 && (i < 0 || j < i)
}

// confined names the libraries that only some packages may import. Tests and the
// demo, which plays everybody else's part, are exempt.
var confined = map[string][]string{
	"github.com/zitadel/oidc":             {"oidc", "upstream"},
	"github.com/go-jose/go-jose":          {"keys", "token", "oidc", "upstream"},
	"github.com/crewjam/saml":             {"saml"},
	"github.com/russellhaering/goxmldsig": {"saml"},
	"github.com/beevik/etree":             {"saml"},
	"github.com/elimity-com/scim":         {"scim"},
	"github.com/scim2/filter-parser":      {},
	"github.com/redis/go-redis":           {"cache"},
	"database/sql":                        {"storage"},
	"modernc.org/sqlite":                  {"storage"},
	"github.com/jackc/pgx":                {"storage"},
	"github.com/pressly/goose":            {"storage"},
	"filippo.io/age":                      {"backup"},
	"filippo.io/bigmod":                   {"keys"},
	"cel.dev/cel-go":                      {"claims"},
	"go.opentelemetry.io":                 {"telemetry"},
	"github.com/prometheus":               {"telemetry"},
	"github.com/alecthomas/kong":          {"cmd/broker"},
	"go.yaml.in/yaml":                     {"strictyaml"},
	"github.com/google/jsonschema-go":     {"api"},
	"golang.org/x/oauth2":                 {},
	"github.com/coreos/go-oidc":           {},
	"github.com/chromedp/chromedp":        {},
	"github.com/gorilla/securecookie":     {},
}

// pkg is what `go list -json` says of a package.
type pkg struct {
	ImportPath, Dir                    string
	GoFiles, TestGoFiles, XTestGoFiles []string
	Imports                            []string
	XTestImports, TestImports          []string
}

// name is the package's path below the module, without "internal/".
func (p pkg) name() string {
	return strings.TrimPrefix(strings.TrimPrefix(p.ImportPath, module+"/"), "internal/")
}

func packages(t *testing.T) []pkg {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-json=ImportPath,Dir,GoFiles,TestGoFiles,XTestGoFiles,Imports,TestImports,XTestImports", module+"/...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var all []pkg
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p pkg
		switch err := dec.Decode(&p); {
		case errors.Is(err, io.EOF):
			return all
		case err != nil:
			t.Fatal(err)
		}
		p.looked(t)
		all = append(all, p)
	}
}

// looked has the test itself look at what go list read: go test remembers a result until
// something changes that the test looked at.
func (p pkg) looked(t *testing.T) {
	t.Helper()
	for _, name := range slices.Concat([]string{""}, p.GoFiles, p.TestGoFiles, p.XTestGoFiles) {
		if _, err := os.Stat(filepath.Join(p.Dir, name)); err != nil {
			t.Fatal(err)
		}
	}
}

// ours returns the names of our own packages among imports.
func ours(imports []string) []string {
	var names []string
	for _, i := range imports {
		if strings.HasPrefix(i, module+"/") {
			names = append(names, pkg{ImportPath: i}.name())
		}
	}
	return names
}

// top is the first element of a package's name: noun/part belongs to noun.
func top(name string) string { first, _, _ := strings.Cut(name, "/"); return first }

// allowed reports whether package from may import package to, by the rules of
// the layout. The two differ.
func allowed(from, to string) bool {
	f, d := top(from), top(to)
	if from == queries {
		return to == "fault"
	}
	if from == database && d != "storage" {
		return slices.Contains(ground, d)
	}
	if f == "storage" && d == "storage" {
		return withinStorage(from, to)
	}
	if strings.HasPrefix(from+"/", console+"/") && strings.HasPrefix(to+"/", console+"/") {
		return withinConsole(from, to)
	}
	if f == d || to == queries && slices.Contains([]string{"directory", "storage"}, f) {
		return true
	}
	switch f {
	case "config":
		return d == "strictyaml"
	case "cmd":
		return slices.Contains([]string{"config", "app", "demo", "api"}, d)
	case "app":
		return d != "demo" && d != "testkit"
	case "integration":
		return true
	case "docs": // what the guide shows is what others can use
		return d == "verify"
	case "testkit":
		return slices.Contains(ground, d) || d == "config"
	case "demo":
		return d == "config" || d == "verify" || slices.Contains(ground, d)
	case "upstream":
		if d == "saml" { // the service provider's part
			return true
		}
	case "tokenexchange":
		if d == "oidc" { // whose grant it is
			return true
		}
	}
	if i := slices.Index(ground, f); i >= 0 {
		j := slices.Index(ground, d)
		return j >= 0 && j < i
	}
	if may, ok := nouns[f]; ok {
		return slices.Contains(ground, d) || slices.Contains(may, d)
	}
	if slices.Contains(faces, f) {
		_, noun := nouns[d]
		return noun || slices.Contains(ground, d)
	}
	return false
}

// withinStorage reports whether a part of storage may import another.
func withinStorage(from, to string) bool {
	return from == "storage" || from == "storage/storetest" || to == database && from != "storage/migrations" || slices.Contains(stored[from], to)
}

func TestPackagesImportOnlyWhatTheLayoutAllows(t *testing.T) {
	seen := 0
	for _, p := range packages(t) {
		if p.name() == stage {
			continue // it is imported by tests only, and imports what they may
		}
		for _, to := range ours(p.Imports) {
			seen++
			if !allowed(p.name(), to) {
				t.Errorf("%s imports %s: the layout does not allow it: see docs/architecture.md", p.name(), to)
			}
		}
	}
	if seen == 0 {
		t.Fatal("go list told of no import at all")
	}
}

func TestLibrariesStayWhereTheyAreConfined(t *testing.T) {
	for _, p := range packages(t) {
		from := top(p.name())
		if from == "demo" || from == "testkit" || from == "integration" || strings.HasSuffix(p.name(), "test") {
			continue
		}
		for _, i := range p.Imports {
			for library, homes := range confined {
				in := i == library || strings.HasPrefix(i, library+"/")
				if in && !slices.Contains(homes, from) && !slices.Contains(homes, p.name()) {
					t.Errorf("%s imports %s, which belongs to %v", p.name(), i, homes)
				}
			}
		}
	}
}

// TestThePublicPackageStandsOnTheStandardLibraryAlone: whoever imports it gets nothing
// else along.
func TestThePublicPackageStandsOnTheStandardLibraryAlone(t *testing.T) {
	seen := 0
	for _, p := range packages(t) {
		if top(p.name()) != "verify" {
			continue
		}
		for _, i := range p.Imports {
			seen++
			if strings.Contains(top(i), ".") {
				t.Errorf("%s imports %s", p.name(), i)
			}
		}
	}
	if seen == 0 {
		t.Fatal("go list told of no import of verify at all")
	}
}

// TestTheArchitecturePageNamesEveryPackage: that of a storey has a row there, and no row
// is of a package that is gone.
func TestTheArchitecturePageNamesEveryPackage(t *testing.T) {
	page, err := os.ReadFile("../docs/architecture.md")
	if err != nil {
		t.Fatal(err)
	}
	_, every, ok := strings.Cut(string(page), "\n## Every package\n")
	if !ok {
		t.Fatal("the page has no list of packages")
	}
	there := map[string]bool{}
	for _, p := range packages(t) {
		there[p.name()] = true
	}
	listed := map[string]bool{}
	for _, named := range regexp.MustCompile("`([a-z/]+)`").FindAllStringSubmatch(every, -1) {
		if listed[named[1]] = true; !there[named[1]] && named[1] != "internal/" {
			t.Errorf("%s is named, and is not there", named[1])
		}
	}
	for _, name := range slices.Concat(ground, slices.Collect(maps.Keys(nouns)), faces) {
		if !listed[name] {
			t.Errorf("%s is not named", name)
		}
	}
}

func TestTestHelpersAreImportedByTestsOnly(t *testing.T) {
	for _, p := range packages(t) {
		if top(p.name()) == "testkit" || top(p.name()) == "integration" || strings.HasSuffix(p.name(), "test") {
			continue
		}
		for _, to := range ours(p.Imports) {
			if top(to) == "testkit" || strings.HasSuffix(to, "test") {
				t.Errorf("%s imports %s outside of a test", p.name(), to)
			}
		}
	}
}

func TestTheRulesWouldCatchABreach(t *testing.T) {
	for _, breach := range [][2]string{
		{"identity", "fault"},
		{"keys", "token"},
		{"directory", "storage"},
		{"oidc", "login"},
		{"portal", "storage"},
		{"catalog", "registry"},
		{"config", "fault"},
		{"app", "demo"},
		{"login", "app"},
		{"saml", "upstream"},
		{"oidc", "saml"},
		{"oidc", "tokenexchange"},
		{"tokenexchange", "storage"},
		{"cmd/broker", "storage"},
		{"verify", "fault"},
		{"oidc", "verify"},
		{"scim", "storage"},
		{"scim/filter", "directory"},
		{"scim/filter", "scim"},
		{"catalog", "scim/filter"},
		{"directory", "scim"},
		{"storage", "scim"},
		{"storage/sqldb", "storage"},
		{"storage/sqldb", "storage/queues"},
		{"storage/sqldb", "directory"},
		{"storage/queues", "storage/traces"},
		{"storage/queues", "storage"},
		{"storage/people", "storage/records"},
		{"storage/records/index", "storage/records"},
		{"storage/access", "storage/people"},
		{"portal/console/apps", "portal/console/people"},
		{"portal/console/apps", "portal/console"},
		{"portal/console/kit", "portal/console/names"},
		{"portal/console/kit", "portal/console/apps"},
		{"portal/console/names", "portal/console/apps"},
	} {
		if allowed(breach[0], breach[1]) {
			t.Errorf("%s may import %s", breach[0], breach[1])
		}
	}
	for _, fine := range [][2]string{
		{"token", "keys"},
		{"registry", "catalog"},
		{"oidc", "grant"},
		{"app", "storage"},
		{"upstream", "saml"},
		{"tokenexchange", "oidc"},
		{"cmd/broker", "demo"},
		{"directory", "scim/filter"},
		{"storage", "scim/filter"},
		{"scim", "directory"},
		{"storage", "storage/sqldb"},
		{"storage/queues", "storage/sqldb"},
		{"portal/console", "portal/console/apps"},
		{"portal/console/apps", "portal/console/kit"},
		{"portal/console/apps", "portal/console/names"},
		{"portal/console/names", "portal/console/kit"},
	} {
		if !allowed(fine[0], fine[1]) {
			t.Errorf("%s may not import %s", fine[0], fine[1])
		}
	}
}
