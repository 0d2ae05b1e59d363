package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
)

// commandLine prints the help of every command, as the built binary gives it.
func commandLine(ctx context.Context, root string) (string, error) {
	folder, err := os.MkdirTemp("", "gatehouse-reference-")
	if err != nil {
		return "", fmt.Errorf("make a folder: %w", err)
	}
	defer func() { _ = os.RemoveAll(folder) }() // a temporary one
	binary := filepath.Join(folder, "broker")
	build := exec.CommandContext(ctx, "go", "build", "-o", binary, "./cmd/broker") //nolint:gosec // G204: the folder is ours
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build: %w\n%s", err, out)
	}
	help := func(words ...string) (string, error) {
		cmd := exec.CommandContext(ctx, binary, append(words, "--help")...) //nolint:gosec // G204: the words are those of our own help
		cmd.Dir, cmd.Env = folder, []string{"HOME=" + folder, "COLUMNS=100"}
		out, err := cmd.Output()
		text := strings.ReplaceAll(string(out), folder+string(filepath.Separator), "")
		return strings.TrimRight(text, "\n") + "\n", err
	}
	top, err := help()
	if err != nil {
		return "", fmt.Errorf("broker --help: %w", err)
	}
	var b strings.Builder
	b.WriteString("# Command line\n\n" + generated + "```\n" + top + "```\n")
	for _, words := range leaves(top) {
		text, err := help(words...)
		if err != nil {
			return "", fmt.Errorf("broker %s --help: %w", strings.Join(words, " "), err)
		}
		fmt.Fprintf(&b, "\n## broker %s\n\n```\n%s```\n", strings.Join(words, " "), text)
	}
	return b.String(), nil
}

// command finds the commands in the help of all: two spaces, then its words.
var command = regexp.MustCompile(`(?m)^  ([a-z][a-z-]*(?: [a-z][a-z-]*)*)`)

func leaves(help string) [][]string {
	_, list, _ := strings.Cut(help, "Commands:\n")
	var all [][]string
	for _, m := range command.FindAllStringSubmatch(list, -1) {
		all = append(all, strings.Fields(m[1]))
	}
	return all
}
