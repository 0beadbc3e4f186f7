#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0

load helper

@test "tranche alone is a short help with the commands and three examples" {
	run --separate-stderr tranche
	[ "$status" -eq 0 ]
	[ "${lines[0]}" = "tranche: slice a GPU, run a model on each slice" ]
	[[ $output == *"  up  "* && $output == *"  virtual create  "* ]]
	[ "$(grep -c '^  tranche .*#' <<<"$output")" -eq 3 ]
	[ "${#lines[@]}" -lt 60 ]
}

@test "help, --help and -h are the same, and fit 80 columns" {
	local by_option

	by_option=$(tranche --help)
	[ "$by_option" = "$(tranche help)" ]
	[ "$by_option" = "$(tranche -h)" ]
	[ "$(wc -L <<<"$by_option")" -le 80 ]
}

@test "every command has a help of its own that fits 80 columns" {
	local path

	tranche help --list | sed -n 's/^command\t//p' >paths
	[ "$(wc -l <paths)" -ge 15 ]
	while read -r path; do
		echo "$path"
		# shellcheck disable=SC2086
		tranche $path --help >by-option
		tranche help $path >by-word
		cmp by-option by-word
		head -1 by-option | grep -q "^Usage: tranche $path"
		[ "$(wc -L <by-option)" -le 80 ]
	done <paths
}

@test "help for commands that begin alike lists them" {
	run --separate-stderr tranche virtual
	[ "$status" -eq 0 ]
	[[ $output == *"virtual create"*"virtual list"*"virtual env"*"virtual destroy"* ]]
	[ "$output" = "$(tranche help virtual)" ]
	[ "$output" = "$(tranche virtual --help)" ]
}

@test "an unknown command names the nearest, or what other tools call it" {
	fails 2 "there is no command 'slcies'" "tranche slices" -- slcies
	fails 2 "there is no command 'prof'" "tranche profiles" -- prof
	fails 2 "there is no command 'stop'" "tranche down" -- stop
	fails 2 "there is no command 'rm'" "tranche destroy" -- rm
	fails 2 "there is no command 'virtul'" "tranche virtual" -- virtul create x
	fails 2 "there is no command 'virtual ls'" "tranche virtual list" -- virtual ls
	fails 2 "there is no command 'virtual xyzzy'" "tranche help virtual" -- virtual xyzzy
	fails 2 "there is no command 'xyzzy'" "tranche help" -- xyzzy
	fails 2 "there is no command 'xyzzy'" -- help xyzzy
}

@test "an unknown option names the nearest" {
	fails 2 "'tranche gpus' has no option '--jsn'" "tranche gpus --json" -- gpus --jsn
	fails 2 "'tranche up' has no option '--dryrun'" "tranche up --dry-run" -- up --dryrun
	fails 2 "'tranche gpus' has no option '-z'" "tranche gpus --help" -- gpus -z
	fails 2 "'tranche' has no option '--nod'" "tranche --node" -- --nod x gpus
}

@test "an option that a command has no use for is refused, also in front of it" {
	fails 2 "'tranche gpus' has no option '--dry-run'" -- gpus --dry-run
	fails 2 "'tranche gpus' has no option '--dry-run'" -- --dry-run gpus
	fails 2 "'tranche logs' has no option '--json'" -- logs --json chat
}

@test "shared options may stand before or after the command" {
	node
	[ "$(tranche --node golden --json gpus)" = "$(tranche gpus --json --node golden)" ]
	[ "$(tranche --node=golden gpus)" = "$(TRANCHE_NODE=golden tranche gpus)" ]
}

@test "too few or too many arguments show how it is used" {
	fails 2 "'tranche create' needs PROFILE[:START]..." \
		"tranche create [OPTION]... PROFILE[:START]..." -- create
	fails 2 "'tranche mig' needs on|off" -- mig
	fails 2 "'tranche logs' needs MODEL" -- logs
	fails 2 "'tranche gpus' takes no argument, but got '0'" "tranche gpus" -- gpus 0
	fails 2 "'tranche ps' takes [STACK], and 'b' is too much" -- ps a b
	fails 2 "'tranche virtual destroy' needs NAME..." -- virtual destroy
}

@test "values of options are checked before anything else" {
	fails 2 "option '--gpu' wants the number of a GPU" -- profiles --gpu A100
	fails 2 "option '-i' needs a value" -- profiles -i
	fails 2 "option '--grace' wants seconds, or a time like" -- down --grace soon
	fails 2 "option '--scale' wants a whole number, 1 or more" \
		-- virtual create --scale 0 a100-80gb
	fails 2 "option '--json' takes no value" -- gpus --json=yes
}

@test "version says the same everywhere" {
	local version

	version=$(tranche version)
	[[ $version =~ ^tranche\ [0-9]+\.[0-9]+\.[0-9]+$ ]]
	[ "$(tranche --version)" = "$version" ]
	[ "$(tranche -V)" = "$version" ]
	fits version -- version --json
	[ "tranche $(value 'd["version"]')" = "$version" ]
}

@test "a result that cannot be written is an error" {
	[ -c /dev/full ] || skip "no /dev/full"
	run bash -c '"$TRANCHE" help >/dev/full'
	[ "$status" -eq 11 ]
	[[ $output == *"write to standard output"* ]]
}

# What bash offers for the words "$@", the last of which is being typed.
offered()
{
	COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMPREPLY=()
	_tranche
	echo "${COMPREPLY[@]}"
}

@test "bash completion offers commands, options and files" {
	eval "$(tranche completion bash)"
	[ "$(offered tranche pro)" = profiles ]
	[ "$(offered tranche virtual cr)" = create ]
	[ "$(offered tranche --node x sl)" = slices ]
	[ "$(offered tranche create --dr)" = --dry-run ]
	[ "$(offered tranche create 1g.10gb --dr)" = --dry-run ]
	[ "$(offered tranche virtual create --sw)" = --swapped-chip ]
	[ "$(offered tranche mig o)" = "on off" ]
	[ "$(offered tranche up --runtime p)" = "podman process" ]
	[ "$(offered tranche up --runtime d)" = "docker" ]
	touch lab.yaml
	[ "$(offered tranche up -f la)" = lab.yaml ]
	[ -z "$(offered tranche xyzzy)" ]
	fails 10 "no completion for 'fish'" "tranche completion bash" -- completion fish
}
