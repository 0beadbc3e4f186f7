#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# tranche plan --models.

load helper

# mix ROW: the models file of one of ParvaGPU's six mixes.
mix()
{
	"$PYTHON" - "$1" "$PARVAGPU" >mix.yaml <<-'EOT'
		import sys
		row, parvagpu = int(sys.argv[1]) - 1, sys.argv[2]
		names = ("bert densenet121 densenet169 densenet201 inceptionv3 mobilenetv2 resnet101 "
		         "resnet152 resnet50 vgg16 vgg19").split()
		read = lambda name: open(f"{parvagpu}/SLO/SLO_{name}.csv").read().splitlines()[row].split(",")
		print("version: 1\nmax_processes: 5\nmodels:")
		for name, rate, latency in zip(names, read("req_rate"), read("latency")):
		    if rate != "N/A":
		        print(f"  {name}: {{rate: {rate}, latency: {latency}ms, "
		              f"profiles: {parvagpu}/prof_data/{name}.csv}}")
	EOT
}

fleet()
{
	cat >fleet.yaml <<-'EOT'
		version: 1
		currency: EUR
		gpus:
		  a100-80gb: {count: 8, price: 1380}
		  h200-141gb: {count: 4, price: 2300}
		models:
		  chat: {memory: 18Gi, replicas: 2}
		  coder: {memory: 33Gi}
	EOT
}

@test "cards for models, with pictures and what is proven" {
	fleet
	prints "1 GPU
1380 EUR for them, proven
5 compute slices, proven; 0 memory slices stranded, proven

MODEL  SLICES  WANTED  CARRIED  OF
chat        2       2        2  replicas
coder       1       1        1  replicas

GPU 0  a100-80gb
|1g.20gb          |1g.20gb          |3g.40gb                            |
|chat             |chat             |coder                              |" -- plan --models fleet.yaml
	fits models-plan -- plan --models fleet.yaml --json
	[ "$(value 'd["money"]["value"], d["money"]["proven"], d["cards"][0]["gpu"]')" = \
		"(1380.0, True, 'a100-80gb')" ]
}

@test "the published mixes at their proven least" {
	local row=1 want

	for want in "2 10" "3 20" "5 30" "7 44" "12 82" "15 105"; do
		mix $row
		fits models-plan -- plan --models mix.yaml --gpus a100-80gb --json
		[ "$(value '"%d %d" % (d["gpus"]["bound"], d["compute_slices"]["bound"])')" = "$want" ]
		[ "$(value '"%d %d" % (len(d["cards"]), d["compute_slices"]["value"])')" = "$want" ]
		[ "$(value 'all(m["carried"] >= m["rate"] for m in d["models"])')" = True ]
		row=$((row + 1))
	done
	mix 6
	fails 5 "the models need more cards than there are" "leave out how many" -- \
		plan --models mix.yaml --gpus a100-80gb=14
}

@test "what is wrong with a models file is told with its place" {
	fleet
	sed -i 's/18Gi/180Gi/' fleet.yaml
	fails 2 "fleet.yaml:7:3: model 'chat' needs 184320 MiB; the largest slice of any card named has" \
		-- plan --models fleet.yaml
	fleet
	sed -i 's/33Gi/33/' fleet.yaml
	fails 2 "fleet.yaml:8:19: 'memory' is '33', with no unit; allowed: a size, as 18G or 18Gi" \
		-- plan --models fleet.yaml
	fleet
	sed -i 's/, price: 2300//' fleet.yaml
	fails 2 "fleet.yaml:5:3: 'h200-141gb' has no price, others have" -- plan --models fleet.yaml
	fleet
	sed -i 's/replicas: 2/replica: 2/' fleet.yaml
	fails 2 "fleet.yaml:7:24: " -- plan --models fleet.yaml
	mix 1
	sed -i 's/latency: 6434ms/latency: 5ms/' mix.yaml
	fails 2 "mix.yaml:4:3: no slice serves 'bert' within 5 ms" -- \
		plan --models mix.yaml --gpus a100-80gb
	mix 1
	fails 2 "which cards there are is not said" "--gpus a100-80gb" -- plan --models mix.yaml
	fails 3 "no card 'a100-81gb' is known, did you mean 'a100-80gb'" -- \
		plan --models mix.yaml --gpus a100-81gb
	fails 2 "'x' is no number of cards" -- plan --models mix.yaml --gpus a100-80gb=x
	fails 2 "plans cards for models, not a layout" -- plan --models mix.yaml all-balanced
	cp "$PARVAGPU/prof_data/bert.csv" bert.csv
	sed -i '7s/.*/1,2,1,85.926,23/' bert.csv
	sed -i "s|profiles: .*/bert.csv|profiles: bert.csv|" mix.yaml
	fails 2 "bert.csv:7: 85.926 requests a second with a latency of 23.000 s would be batches of" \
		"latency is seconds" -- plan --models mix.yaml --gpus a100-80gb
}

@test "measurements with holes, and units that are none, are told with file and line" {
	mix 1
	sed -i "s|profiles: .*/bert.csv|profiles: bert.csv|" mix.yaml
	sed 14d "$PARVAGPU/prof_data/bert.csv" >bert.csv
	fails 2 "bert.csv:58: batch 4 with 3 processes stands here for 2 slices, but nowhere for 1" \
		"write throughput 0 and latency 0 where it does not run" -- \
		plan --models mix.yaml --gpus a100-80gb
	sed '/^3,/d' "$PARVAGPU/prof_data/bert.csv" >bert.csv
	fails 2 "bert.csv:181: no row for 3 compute slices, as 3g.40gb of A100-80GB has" \
		"write throughput 0 and latency 0 where it does not run" -- \
		plan --models mix.yaml --gpus a100-80gb
	sed 's/,Latency/,Latency (ms)/' "$PARVAGPU/prof_data/bert.csv" >bert.csv
	fails 2 "bert.csv:1: the first line is not 'Mig instance,Batch size,Workload Number,Throughput,Latency'" \
		-- plan --models mix.yaml --gpus a100-80gb
	sed '4s/.*/1,1,2,fast,0.1/' "$PARVAGPU/prof_data/bert.csv" >bert.csv
	fails 2 "bert.csv:4: the fourth field is requests a second and process" -- \
		plan --models mix.yaml --gpus a100-80gb
	mix 1
	sed -i 's/latency: 6434ms/latency: 6434/' mix.yaml
	fails 2 "mix.yaml:4:29: 'latency' is '6434', with no unit; allowed: a time, as 250ms or 2s" \
		-- plan --models mix.yaml --gpus a100-80gb
	mix 1
	sed -i 's/rate: 19,/rate: 19rpm,/' mix.yaml
	fails 2 "mix.yaml:4:16: 'rate' is '19rpm', with an unknown unit; allowed: requests a second" \
		-- plan --models mix.yaml --gpus a100-80gb
	mix 1
	fails 2 "mix.yaml:4:47: 'profiles' is one file for 2 kinds of cards; allowed: {a100-80gb: FILE}" \
		-- plan --models mix.yaml --gpus a100-80gb,h200-141gb
	mix 1
	sed -i 's/{rate: 19/{memory: 90G, rate: 19/' mix.yaml
	fails 2 "mix.yaml:4:3: model 'bert' needs 85830 MiB; the largest slice of any card named has 80640 MiB" \
		-- plan --models mix.yaml --gpus a100-80gb
}

runs()
{
	cat >runs.yaml <<-'EOT'
		version: 1
		gpus:
		  a100-80gb: {count: 3}
		models:
		  chat: {memory: 18Gi, replicas: 3}
		  coder: {memory: 33Gi, replicas: 2}
		running:
		  - {gpu: a100-80gb, slices: [3g.40gb:4=coder, 1g.10gb:0]}
	EOT
}

@test "slices that run stay where they are, and what is left of their cards is filled first" {
	runs
	prints "2 GPUs (1 of them runs slices already), proven: no plan has fewer
9 compute slices, proven; 0 memory slices stranded, proven

MODEL  SLICES  WANTED  CARRIED  OF
chat        3       3        3  replicas
coder       2       2        2  replicas

GPU 0  a100-80gb
|1g.10gb*|        |1g.20gb          |3g.40gb*                           |
|others  |        |chat             |coder                              |

GPU 1  a100-80gb
|1g.20gb          |1g.20gb          |3g.40gb                            |
|chat             |chat             |coder                              |

* runs already, and stays" -- plan --models runs.yaml
	fits models-plan -- plan --models runs.yaml --json
	[ "$(value '[s.get("model") for s in d["cards"][0]["slices"] if s.get("runs")]')" = "[None, 'coder']" ]
}

@test "cards of a node are called as the node calls them, and those behind it are to come" {
	"$TRANCHE" virtual create --scale 16 --name golden a30 a100-80gb >/dev/null 2>&1
	"$TRANCHE" mig on --gpu 1 >/dev/null 2>&1
	"$TRANCHE" create --gpu 1 3g.40gb:0 >/dev/null 2>&1
	cat >live.yaml <<-'EOT'
		version: 1
		models:
		  coder: {memory: 33Gi, replicas: 3}
	EOT
	prints "virtual node 'golden', driver 580.159.04, scale 16: limits / 16, memory x 16
2 GPUs (1 of them runs slices already), proven: no plan has fewer
9 compute slices, proven; 0 memory slices stranded, proven

MODEL  SLICES  WANTED  CARRIED  OF
coder       3       3        3  replicas

GPU 1  a100-80gb
|3g.40gb*                           |3g.40gb                            |
|others                             |coder                              |

to come  a100-80gb
|3g.40gb                            |3g.40gb                            |
|coder                              |coder                              |

* runs already, and stays" -- plan --models live.yaml --running --gpus a100-80gb
	sed -i 's/3}/1}/' live.yaml
	fits models-plan -- plan --models live.yaml --running --json
	[ "$(value '[(c["index"], c["gpu"]) for c in d["cards"]]')" = "[(1, 'a100-80gb')]" ]
}

@test "what is wrong with what runs is told with its place" {
	local line

	while IFS='|' read -r edit message; do
		runs
		sed -i "$edit" runs.yaml
		fails 2 "$message" -- plan --models runs.yaml
	done <<-'EOT'
		s/=coder/=codr/|runs.yaml:8:31: no model 'codr' in this file, did you mean 'coder'; allowed: one of its models
		s/3g.40gb:4/3g.40gb:3/|runs.yaml:8:5: A100-80GB has no place for 3g.40gb at 3; allowed: 0, 4
		s/3g.40gb:4/3g.41gb:4/|runs.yaml:8:31: A100-80GB has no profile '3g.41gb'
		s/1g.10gb:0/1g.10gb:5/|runs.yaml:8:5: 1g.10gb at 5 overlaps another slice of the card
		s/3g.40gb:4/1g.20gb:4/|runs.yaml:8:31: 'coder' runs on a 1g.20gb, which is too small for what it needs here
		s/1g.10gb:0/1g.10gb/|runs.yaml:8:48: '1g.10gb' is no slice; allowed: PROFILE:START=MODEL
		s/gpu: a100-80gb, slices: .3g.40gb:4=coder, 1g.10gb:0/gpu: a30-24gb, slices: [1g.6gb:0/|runs.yaml:8:5: slices run on 'a30-24gb', which is not among the cards there are
		s/:0]}/:0], count: 4}/|runs.yaml:3:3: 4 cards 'a100-80gb' run something, of 3; allowed: a 'count' with those in it
		s/gpu: a/gpus: a/|runs.yaml:8:6: unknown key 'gpus' in running, did you mean 'gpu'?
	EOT
	runs
	sed -i 's/count: 3/count: 1/' runs.yaml
	fails 5 "the models need more cards than there are" -- plan --models runs.yaml
	fails 2 "'--models' asks no node" "--running" -- plan --models runs.yaml --node golden
	node
	fails 2 "runs.yaml:8:3: 'running' is asked of the node; allowed: one of the two" -- \
		plan --models runs.yaml --running --node golden
	fails 2 "'--explain' goes with '--models'" -- plan --explain all-balanced
}

@test "what is wrong with how a model is served is told with its place, before anything is written" {
	served
	sed -i 's/      engine: command/      engine: comand/' served.yaml
	fails 2 "served.yaml:9:7: 'serve' of 'chat': unknown engine 'comand'" -- \
		plan --models served.yaml --write out
	[ ! -e out ]
	served
	sed -i 's/      env: .*/      slice: 1g.10gb/' served.yaml
	fails 2 "served.yaml:16:7: 'slice' follows from the plan" -- plan --models served.yaml --write out
	served
	mkdir out
	echo mine >out/a100-80gb-0.layout.yaml
	fails 9 "'out/a100-80gb-0.layout.yaml' is there, and not written by a plan" "another folder" -- \
		plan --models served.yaml --write out
	[ "$(cat out/a100-80gb-0.layout.yaml)" = mine ]
}

@test "why so many cards, and what would change it" {
	fleet
	prints "1 GPU
1380 EUR for them, proven
5 compute slices, proven; 0 memory slices stranded, proven

MODEL  SLICES  WANTED  CARRIED  OF
chat        2       2        2  replicas
coder       1       1        1  replicas

GPU 0  a100-80gb
|1g.20gb          |1g.20gb          |3g.40gb                            |
|chat             |chat             |coder                              |

Why 1380 EUR:
  compute slices  no less than 1380 EUR  <- this binds
  memory slices   no less than 1380 EUR  <- this binds
  places          as slices can stand together: no less than 1380 EUR

IF                         GPUS  COMPUTE SLICES           EUR
no chat                       1          3 (-2)          1380
one more slice of chat   2 (+1)          6 (+1)  2760 (+1380)
no coder                      1          2 (-3)          1380
one more slice of coder  2 (+1)          8 (+3)  2760 (+1380)" -- plan --models fleet.yaml --explain
	mix 4
	fits models-plan -- plan --models mix.yaml --gpus a100-80gb --explain --json
	[ "$(value '[(b["of"], b["needs"], b["each"], b["gpus"], b["binds"]) for b in d["why"]["bounds"][:2]]')" = \
		"[('compute slices', 44.0, 7.0, 7.0, True), ('memory slices', 45.0, 8.0, 6.0, False)]" ]
	[ "$(value '[c["change"] for c in d["why"]["changes"] if c["model"] == "resnet50"]')" = \
		"['without', 'one_more', 'slower']" ]
	# The first slower target: at it the plan is smaller, a millisecond before it is not.
	to=$(value '[round(c["to"] * 1000) for c in d["why"]["changes"] if c["change"] == "slower" and c["model"] == "resnet50"][0]')
	sed -i "s/resnet50: {rate: 2195, latency: 138ms/resnet50: {rate: 2195, latency: ${to}ms/" mix.yaml
	fits models-plan -- plan --models mix.yaml --gpus a100-80gb --json
	[ "$(value 'd["compute_slices"]["value"]')" = 43.0 ]
	sed -i "s/latency: ${to}ms/latency: $((to - 1))ms/" mix.yaml
	fits models-plan -- plan --models mix.yaml --gpus a100-80gb --json
	[ "$(value 'd["compute_slices"]["value"]')" = 44.0 ]
}

# served: a models file whose models are told how to be served, by a program of ours.
served()
{
	cat >served.yaml <<-'EOT'
		version: 1
		gpus:
		  a100-80gb: {count: 2, per_node: 2}
		models:
		  chat:
		    memory: 9Gi
		    replicas: 5
		    serve:
		      engine: command
		      args: [python3, -u, -m, http.server, --bind, 127.0.0.1, "${PORT}"]
		  coder:
		    memory: 33Gi
		    replicas: 2
		    serve:
		      engine: command
		      env: {NOTE: "two: \"words\""}
		      args: [python3, -u, -m, http.server, --bind, 127.0.0.1, "${PORT}"]
		  later: {memory: 18Gi}
	EOT
}

@test "what a plan writes is what apply and up take, and comes to stand as planned" {
	served
	"$TRANCHE" virtual create --scale 16 --name "mdl$$" a100-80gb a100-80gb >/dev/null 2>&1
	fits models-plan -- plan --models served.yaml --write out --json
	[ "$(value '[f["file"] for f in d["files"]]')" = \
		"['out/a100-80gb-0.layout.yaml', 'out/a100-80gb-0.tranche.yaml']" ]
	planned=$(value 'sorted((c["index"], s["profile"]) for c in d["cards"] for s in c["slices"])')
	placed=$(value 'sorted((c["index"], s["profile"], s["start"]) for c in d["cards"] for s in c["slices"])')
	[[ $planned == *"3g.40gb"* ]]

	"$TRANCHE" apply -f out/a100-80gb-0.layout.yaml >/dev/null
	"$TRANCHE" assert -f out/a100-80gb-0.layout.yaml
	run --separate-stderr "$TRANCHE" slices --json
	[ "$(value 'sorted((s["gpu"], s["profile"], s["start"]) for s in d["slices"])')" = "$placed" ]
	"$TRANCHE" destroy --all >/dev/null 2>&1

	# The stack alone: the same sizes on the same cards, but for the model that is in none.
	"$TRANCHE" up --runtime process -f out/a100-80gb-0.tranche.yaml >/dev/null 2>&1
	run --separate-stderr "$TRANCHE" slices --json
	[ "$(value 'sorted((s["gpu"], s["profile"]) for s in d["slices"])')" = \
		"$("$PYTHON" -c "import sys; v = eval(sys.argv[1]); v.remove(next(x for x in v if x[1] in ('1g.20gb', '2g.20gb'))); print(v)" "$planned")" ]
	run --separate-stderr "$TRANCHE" ps --json
	[ "$(value 'len(d["models"]), all(r["state"] == "ready" for r in d["models"])')" = "(7, True)" ]

	# Now it runs, and a plan on that node moves none of it: the last model beside it.
	fits models-plan -- plan --models served.yaml --running --write more --json
	[ "$(value 'sum(s.get("runs", False) for c in d["cards"] for s in c["slices"])')" = 7 ]
	[ "$(value '[s["model"] for c in d["cards"] for s in c["slices"] if not s.get("runs")]')" = "['later']" ]
	"$TRANCHE" apply -f more/plan-1.layout.yaml >/dev/null
	run --separate-stderr "$TRANCHE" ps --json
	[ "$(value 'len(d["models"]), all(r["state"] == "ready" for r in d["models"])')" = "(7, True)" ]
	"$TRANCHE" down --all >/dev/null 2>&1
}
