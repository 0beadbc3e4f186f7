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
	fails 2 "'tranche create' needs PROFILE[:START]..." "tranche create 2g.20gb 3g.40gb" -- create
	fails 2 "'tranche create' needs" "tranche create --help" -- create
	fails 2 "'tranche mig' needs on|off" -- mig
	fails 2 "'tranche logs' needs MODEL" -- logs
	fails 2 "'tranche gpus' takes no argument, but got '0'" "tranche gpus" -- gpus 0
	fails 2 "'tranche ps' takes [STACK], and 'b' is too much" -- ps a b
	fails 2 "'tranche virtual destroy' needs NAME..." -- virtual destroy
	# What was meant as an option's value.
	fails 2 "'tranche up' takes no argument, but got 'lab.yaml'" "tranche up -f lab.yaml" -- up lab.yaml
	fails 2 "'tranche slices' takes no argument, but got '0'" "tranche slices --gpu 0" -- slices 0
	fails 2 "'EUR' stands where a stack's name would" "tranche cost --price 12 --currency EUR" \
		-- cost --price 12 EUR
	fails 2 "'tranche run' needs a slice's size, then a command" "tranche run 1g.10gb -- true" -- run -- true
	fails 2 "'tranche help' takes one command" "tranche help create" -- help create destroy
}

@test "every command's help ends with an example" {
	local path

	tranche help --list | sed -n 's/^command\t//p' >paths
	while read -r path; do
		echo "$path"
		[ "$path" = smi ] || tranche help $path | sed -n '/^Examples$/,$p' | grep "^  .*[a-z]"
	done <paths
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
	[ -z "$(offered tranche nosuch x)" ]
	fails 10 "no completion for 'tcsh'" "tranche completion bash" -- completion tcsh
}

# is_offered WORD... -- TEXT: for these words, the last of which is being typed, exactly that.
is_offered()
{
	local words=()

	while [ "$1" != -- ]; do
		words+=("$1")
		shift
	done
	diff <(printf '%b' "$2") <(tranche complete -- "${words[@]}" | cut -f1)
}

@test "names that only the node knows are offered: profiles, slices, stacks, models, nodes" {
	local uuid

	node a30
	tranche mig on 2>/dev/null
	is_offered create 1 -- '1g.6gb\n1g.6gb+me\n'
	is_offered create 1g.6gb 4 -- '4g.24gb\n'
	is_offered run 2 -- '2g.12gb\n2g.12gb+me\n'
	is_offered run 1g.6gb --image x pyth -- ':files\n'
	uuid=$(tranche create -q 1g.6gb 2>/dev/null)
	is_offered destroy MIG- -- "$uuid\n"
	is_offered destroy "$uuid" MIG-x -- ''
	is_offered --node go -- 'golden\n'
	is_offered create --gpu '' -- '0\n'
	is_offered --node nosuch create 1 -- ''
	is_offered virtual destroy g -- 'golden\n'
	is_offered virtual create a100-p -- 'a100-pcie-40gb\na100-pcie-80gb\n'
	is_offered cost --by '' -- 'larger\ncompute\nmemory\n'
	is_offered cost --per y -- 'year\n'
	is_offered up -f '' -- ':files\n'
	is_offered up --name '' -- ''
	is_offered completion z -- 'zsh\n'
}

@test "stacks and models are offered" {
	lab
	up >/dev/null 2>&1
	is_offered down l -- 'lab\n'
	is_offered logs lab -- 'lab/files-0\n'
	is_offered cost '' -- 'lab\n'
}

@test "zsh and fish offer the same, with what it is" {
	node
	if command -v zsh >/dev/null; then
		run -0 zsh -f -c '
			_describe() { print -l $found; }
			_files() { print files; }
			compdef() { print "$@"; }
			tranche() { "$TRANCHE" "$@"; }
			eval "$(tranche completion zsh)"
			words=(tranche virtual cre); CURRENT=3; _tranche
			words=(tranche create 3); CURRENT=3; _tranche
			words=(tranche up -f ""); CURRENT=4; _tranche'
		echo "$output"
		[ "${lines[0]}" = "_tranche tranche" ]
		[[ ${lines[1]} == "create:Make a virtual node"* ]]
		[[ ${lines[2]} == "3g.40gb:id 9, "* ]]
		[ "${lines[3]}" = files ]
	fi
	if command -v fish >/dev/null; then
		mkdir bin
		ln -s "$TRANCHE" bin/tranche
		touch lab.yaml
		HOME=$PWD PATH=$PWD/bin:$PATH run -0 fish --no-config -c '
			tranche completion fish | source
			complete -C "tranche virtual cre"
			complete -C "tranche create 3"
			complete -C "tranche up -f la"'
		echo "$output"
		[[ ${lines[0]} == "create"$'\t'"Make a virtual node"* ]]
		[[ ${lines[1]} == "3g.40gb"$'\t'"id 9, "* ]]
		[[ ${lines[2]} == lab.yaml* ]]
	fi
	command -v zsh >/dev/null || command -v fish >/dev/null || skip "needs zsh or fish"
}
