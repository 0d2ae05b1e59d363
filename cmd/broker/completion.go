package main

import (
	"fmt"
	"os"
	"strings"
	"text/template"

	"github.com/alecthomas/kong"
)

type completionCommand struct {
	Shell string `arg:"" enum:"bash,zsh,fish" help:"bash, zsh or fish."`
}

// Help says how to use it.
func (*completionCommand) Help() string {
	return "For example in ~/.bashrc: source <(broker completion bash). In ~/.zshrc: source <(broker completion zsh). In fish: broker completion fish | source."
}

// words are what may follow a command.
type words struct {
	// Path is the command, Pattern the same for a shell: " app list".
	Path     string
	Commands []described
	Flags    []described
}

type described struct{ Name, Help string }

// Run prints the script.
func (c *completionCommand) Run(k *kong.Context) error {
	var all []words
	walk(k.Model.Node, "", &all)
	if err := completions.ExecuteTemplate(os.Stdout, c.Shell, all); err != nil {
		return fmt.Errorf("print: %w", err)
	}
	return nil
}

// walk gathers the words of a command and of those below it.
func walk(n *kong.Node, path string, all *[]words) {
	w := words{Path: path}
	help := func(s string) string { return strings.NewReplacer("'", "", "\n", " ", ":", " -").Replace(s) }
	for _, group := range n.AllFlags(true) {
		for _, f := range group {
			w.Flags = append(w.Flags, described{"--" + f.Name, help(f.Help)})
		}
	}
	for _, child := range n.Children {
		w.Commands = append(w.Commands, described{child.Name, help(child.Help)})
	}
	*all = append(*all, w)
	for _, child := range n.Children {
		walk(child, path+" "+child.Name, all)
	}
}

var completions = template.Must(template.New("completions").Parse(`
{{- define "bash" -}}
# Completion of broker for bash.
_broker() {
  local cur=${COMP_WORDS[COMP_CWORD]} path="" word
  for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "$path $word" in
{{- range .}}{{if .Path}}
      "{{.Path}}") path="$path $word" ;;{{end}}{{end}}
    esac
  done
  local words=""
  case "$path" in
{{- range .}}
    "{{.Path}}") words="{{range .Commands}}{{.Name}} {{end}}{{range .Flags}}{{.Name}} {{end}}" ;;{{end}}
  esac
  COMPREPLY=($(compgen -W "$words" -- "$cur"))
  if [[ ${#COMPREPLY[@]} -eq 0 ]]; then COMPREPLY=($(compgen -f -- "$cur")); fi
}
complete -F _broker broker
{{end}}
{{- define "zsh" -}}
#compdef broker
# Completion of broker for zsh.
_broker() {
  local where="" word
  local -a commands
  for word in "${(@)words[2,CURRENT-1]}"; do
    case "$where $word" in
{{- range .}}{{if .Path}}
      "{{.Path}}") where="$where $word" ;;{{end}}{{end}}
    esac
  done
  case "$where" in
{{- range .}}
    "{{.Path}}") commands=({{range .Commands}}'{{.Name}}:{{.Help}}' {{end}}{{range .Flags}}'{{.Name}}:{{.Help}}' {{end}}) ;;{{end}}
  esac
  _describe broker commands || _files
}
compdef _broker broker
{{end}}
{{- define "fish" -}}
# Completion of broker for fish.
function __broker_at
  set -l path ""
  for word in (commandline -opc)[2..-1]
    switch "$path $word"
      case{{range .}}{{if .Path}} '{{.Path}}'{{end}}{{end}}
        set path "$path $word"
    end
  end
  test "$path" = "$argv[1]"
end
{{range $w := .}}{{range .Commands}}complete -c broker -f -n "__broker_at '{{$w.Path}}'" -a '{{.Name}}' -d '{{.Help}}'
{{end}}{{range .Flags}}complete -c broker -n "__broker_at '{{$w.Path}}'" -l '{{slice .Name 2}}' -d '{{.Help}}'
{{end}}{{end}}{{end}}`))
