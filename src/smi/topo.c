/* SPDX-License-Identifier: Apache-2.0 */
#include "smi/topo.h"

#include "smi/smi_priv.h"

#include <string.h>

#define DO(call, args) (api->call ? api->call args : NVML_ERROR_FUNCTION_NOT_FOUND)

enum { MAX_WORDS = 64, WORD_BITS = 8 * sizeof(unsigned long) };

/* "0-15,32-47" of a set of bits; "N/A" for none. */
static void put_set(FILE *out, const unsigned long *set, size_t n_words)
{
	size_t n = n_words * WORD_BITS;
	bool has_any = false;

	for (size_t i = 0; i < n; i++) {
		size_t first = i;

		if (!(set[i / WORD_BITS] >> i % WORD_BITS & 1))
			continue;
		while (i + 1 < n && set[(i + 1) / WORD_BITS] >> (i + 1) % WORD_BITS & 1)
			i++;
		fprintf(out, "%s%zu", has_any ? "," : "", first);
		if (i > first)
			fprintf(out, "-%zu", i);
		has_any = true;
	}
	if (!has_any)
		fputs("N/A", out);
}

struct links {
	unsigned to_switch;		    /* whose other end is no card of this machine */
	unsigned to[NVML_NVLINK_MAX_LINKS]; /* how many lead to each card */
};

static void bus_id(struct tr_smi_dev *dev, char ret[NVML_DEVICE_PCI_BUS_ID_BUFFER_SIZE])
{
	const struct tr_smi_slot *slot = tr_smi__ask(dev, TR_ASK_PCI);
	nvmlPciInfo_t pci;

	memcpy(&pci, &slot->a, sizeof(pci));
	memcpy(ret, pci.busId, sizeof(pci.busId));
}

/* Where a card's active links lead. Cards beyond the first 18 have no count of their own. */
static void find_links(struct tr_smi *smi, size_t which, struct links *ret)
{
	const struct tr_nvml *api = smi->api;
	nvmlDevice_t handle = smi->devs[which].handle;

	*ret = (struct links){ 0 };
	for (unsigned link = 0; link < NVML_NVLINK_MAX_LINKS; link++) {
		unsigned is_active = 0;
		nvmlPciInfo_t far = { 0 };
		size_t i;

		if (DO(nvmlDeviceGetNvLinkState, (handle, link, &is_active)) != NVML_SUCCESS ||
			!is_active ||
			DO(nvmlDeviceGetNvLinkRemotePciInfo_v2, (handle, link, &far)) !=
				NVML_SUCCESS)
			continue;
		for (i = 0; i < smi->n_devs && i < TR_COUNT(ret->to); i++) {
			char id[NVML_DEVICE_PCI_BUS_ID_BUFFER_SIZE];

			bus_id(&smi->devs[i], id);
			if (strcmp(id, far.busId) == 0)
				break;
		}
		if (i < smi->n_devs && i < TR_COUNT(ret->to))
			ret->to[i]++;
		else
			ret->to_switch++;
	}
}

static const char *path(struct tr_smi *smi, size_t a, size_t b)
{
	const struct tr_nvml *api = smi->api;
	unsigned level = 0;
	nvmlReturn_t r = DO(nvmlDeviceGetTopologyCommonAncestor,
		(smi->devs[a].handle, smi->devs[b].handle, &level));

	if (r != NVML_SUCCESS)
		return "N/A";
	switch (level) {
	case NVML_TOPOLOGY_INTERNAL:
	case NVML_TOPOLOGY_SINGLE:
		return "PIX";
	case NVML_TOPOLOGY_MULTIPLE:
		return "PXB";
	case NVML_TOPOLOGY_HOSTBRIDGE:
		return "PHB";
	case NVML_TOPOLOGY_NODE:
		return "NODE";
	default:
		return "SYS";
	}
}

/* Links between the two, or of both into the same switches. */
static unsigned count_links(const struct links *links, size_t a, size_t b)
{
	unsigned n = b < TR_COUNT(links[a].to) ? links[a].to[b] : 0;

	if (n)
		return n;
	return links[a].to_switch < links[b].to_switch ? links[a].to_switch : links[b].to_switch;
}

struct matrix {
	size_t n;
	struct links *links;
	const char **paths; /* of a < b; as far above the diagonal as below */
};

static void put_affinity(struct tr_smi_dev *dev)
{
	const struct tr_nvml *api = dev->smi->api;
	unsigned long cpus[MAX_WORDS] = { 0 }, nodes[MAX_WORDS] = { 0 };
	const struct tr_smi_slot *own;

	if (DO(nvmlDeviceGetCpuAffinity, (dev->handle, MAX_WORDS, cpus)) != NVML_SUCCESS)
		memset(cpus, 0, sizeof(cpus));
	if (DO(nvmlDeviceGetMemoryAffinity,
		    (dev->handle, MAX_WORDS, nodes, NVML_AFFINITY_SCOPE_NODE)) != NVML_SUCCESS)
		memset(nodes, 0, sizeof(nodes));
	own = tr_smi__ask(dev, TR_ASK_NUMA_NODE);
	fputc('\t', dev->smi->out);
	put_set(dev->smi->out, cpus, MAX_WORDS);
	fputc('\t', dev->smi->out);
	put_set(dev->smi->out, nodes, MAX_WORDS);
	if (own->r == NVML_SUCCESS)
		fprintf(dev->smi->out, "\t\t%u\n", own->a.u[0]);
	else
		fputs("\t\tN/A\n", dev->smi->out);
}

static void put_matrix(struct tr_smi *smi, const struct matrix *m)
{
	fputs("\t\033[4m", smi->out);
	for (size_t i = 0; i < m->n; i++)
		fprintf(smi->out, "GPU%u\t", tr_smi__number(&smi->devs[i], TR_ASK_INDEX));
	fputs("CPU Affinity\tNUMA Affinity\tGPU NUMA ID\033[0m\n", smi->out);
	for (size_t a = 0; a < m->n; a++) {
		fprintf(smi->out, "GPU%u", tr_smi__number(&smi->devs[a], TR_ASK_INDEX));
		for (size_t b = 0; b < m->n; b++) {
			unsigned n = m->links && a != b ? count_links(m->links, a, b) : 0;

			if (a == b)
				fputs("\t X ", smi->out);
			else if (n)
				fprintf(smi->out, "\tNV%u", n);
			else
				fprintf(smi->out, "\t%s",
					a < b ? m->paths[a * m->n + b] : m->paths[b * m->n + a]);
		}
		put_affinity(&smi->devs[a]);
	}
}

static void put_legend(FILE *out, bool has_links)
{
	fputs("\nLegend:\n\n"
	      "  X    = Self\n"
	      "  SYS  = Connection traversing PCIe as well as the SMP interconnect between NUMA "
	      "nodes (e.g., QPI/UPI)\n"
	      "  NODE = Connection traversing PCIe as well as the interconnect between PCIe Host "
	      "Bridges within a NUMA node\n"
	      "  PHB  = Connection traversing PCIe as well as a PCIe Host Bridge (typically the "
	      "CPU)\n"
	      "  PXB  = Connection traversing multiple PCIe bridges (without traversing the PCIe "
	      "Host Bridge)\n"
	      "  PIX  = Connection traversing at most a single PCIe bridge\n",
		out);
	if (has_links)
		fputs("  NV#  = Connection traversing a bonded set of # NVLinks\n", out);
}

static int print(struct tr_smi *smi, bool has_links)
{
	struct matrix m = { .n = smi->n_devs };

	m.paths = calloc(m.n * m.n, sizeof(*m.paths));
	m.links = has_links ? calloc(m.n, sizeof(*m.links)) : NULL;
	if (!m.paths || (has_links && !m.links)) {
		free(m.links);
		free(m.paths);
		return NVML_ERROR_MEMORY;
	}
	for (size_t a = 0; a < m.n; a++) {
		/* A card alone has nobody to be linked with. */
		if (m.links && m.n > 1)
			find_links(smi, a, &m.links[a]);
		for (size_t b = a + 1; b < m.n; b++)
			m.paths[a * m.n + b] = path(smi, a, b);
	}
	put_matrix(smi, &m);
	put_legend(smi->out, has_links);
	free(m.links);
	free(m.paths);
	return 0;
}

static int help(FILE *out)
{
	fputs("tranche smi topo: how cards reach each other, and which CPUs and memory are near\n\n"
	      "Usage: tranche smi topo -m | -mp\n\n"
	      "  -m, --matrix         paths by PCIe and NVLink\n"
	      "  -mp, --matrix_pci    paths by PCIe alone\n",
		out);
	return 0;
}

int tr_smi__topo(const char *node, struct tr_smi *smi, const char *const *words)
{
	bool is_matrix = false, has_links = true;
	int status;

	for (; *words; words++) {
		if (strcmp(*words, "-h") == 0 || strcmp(*words, "--help") == 0)
			return help(smi->out);
		is_matrix |= strcmp(*words, "-m") == 0 || strcmp(*words, "--matrix") == 0;
		if (strcmp(*words, "-mp") == 0 || strcmp(*words, "--matrix_pci") == 0) {
			is_matrix = true;
			has_links = false;
		} else if (strncmp(*words, "-i", 2) == 0 || strncmp(*words, "--id", 4) == 0) {
			fputs("The -i command line argument must be used in conjunction with -n "
			      "or -p.\n\n",
				smi->out);
			return 255;
		} else if (!is_matrix) {
			fprintf(smi->out, "Option \"%s\" is not recognized.\n", *words);
			return 2;
		}
	}
	if (!is_matrix)
		return help(smi->out);
	status = tr_smi__open(smi, node);
	if (!status)
		status = tr_smi__pick(smi, /* ids= */ NULL);
	return status ? status : print(smi, has_links);
}
