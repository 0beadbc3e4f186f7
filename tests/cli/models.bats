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
