/* SPDX-License-Identifier: Apache-2.0 */
#include "run/specs.h"

#include "base/err.h"
#include "base/fs.h"
#include "base/spawn.h"

#include <dirent.h>
#include <string.h>

#define FILE_NAME "nvidia.yaml"

enum { MAX_SPEC = 16 << 20 };

const char *const tr_specs_dirs[TR_SPECS_DIRS] = { "/etc/cdi", "/var/run/cdi" };

static bool is_spec(const char *name)
{
	const char *dot = strrchr(name, '.');

	return dot &&
	       (strcmp(dot, ".yaml") == 0 || strcmp(dot, ".yml") == 0 || strcmp(dot, ".json") == 0);
}

size_t tr_specs_read(const char *const *dirs, size_t n_dirs, struct tr_buf *ret)
{
	size_t n = 0;

	for (size_t i = 0; i < n_dirs; i++) {
		DIR *dir = opendir(dirs[i]);
		struct dirent *entry;

		while (dir && (entry = readdir(dir))) {
			TR_AUTO_FREE char *text = NULL;
			TR_AUTO_BUF path = { 0 };
			struct tr_err ignored;

			tr_buf_addf(&path, "%s/%s", dirs[i], entry->d_name);
			if (!is_spec(entry->d_name) || path.failed ||
				tr_read_file(path.s, MAX_SPEC, &text, NULL, &ignored) < 0)
				continue;
			tr_buf_puts(ret, text);
			n++;
		}
		if (dir)
			closedir(dir);
	}
	return n;
}

int tr_specs_check_tool(struct tr_err *err)
{
	TR_AUTO_FREE char *tool = tr_which("nvidia-ctk");

	if (tool)
		return 0;
	tr_fail(err, TR_E_UNSUPPORTED,
		"podman binds a slice by its CDI name, and there is no nvidia-ctk to give new "
		"slices one");
	return tr_hint(err, "apt-get install nvidia-container-toolkit   (NVIDIA's repository)\n"
			    "or, where docker has NVIDIA's hook: --runtime docker");
}

/* Both ways of naming: others may count on the numbers. */
void tr_specs_command(struct tr_strv *ret)
{
	const char *dir =
		access("/etc/cdi/" FILE_NAME, F_OK) == 0 ? tr_specs_dirs[0] : tr_specs_dirs[1];

	tr_strv_adds(ret, "nvidia-ctk", "cdi", "generate", "--device-name-strategy=index",
		"--device-name-strategy=uuid", NULL);
	tr_strv_addf(ret, "--output=%s/" FILE_NAME, dir);
}

/* The last line that the tool said: it logs what it finds, and then what went wrong. */
static const char *last_line(struct tr_buf *said)
{
	const char *line;

	while (said->len && strchr("\n ", said->s[said->len - 1]))
		said->s[--said->len] = '\0';
	line = said->len ? strrchr(said->s, '\n') : NULL;
	return line ? line + 1 : said->len ? said->s : "it said nothing";
}

int tr_specs_make(const char *uuid, struct tr_err *err)
{
	TR_AUTO_STRV argv = { 0 };
	TR_AUTO_BUF said = { 0 }, specs = { 0 }, command = { 0 };
	int status = 0;

	if (tr_specs_check_tool(err) < 0 || tr_mkdir_p(tr_specs_dirs[1], 0755, err) < 0)
		return -(int)err->code;
	tr_specs_command(&argv);
	tr_strv_quote(&argv, &command);
	if (tr_run(&argv, NULL, NULL, &said, &status, err) < 0)
		return -(int)err->code;
	if (status != 0) {
		tr_fail(err, TR_E_DRIVER,
			"nvidia-ctk makes no CDI spec, by which podman binds a slice: %s",
			last_line(&said));
		return tr_hint(err, "%s", tr_buf_str(&command));
	}
	tr_specs_read(tr_specs_dirs, TR_SPECS_DIRS, &specs);
	if (strstr(tr_buf_str(&specs), uuid))
		return 0;
	tr_fail(err, TR_E_DRIVER,
		"the CDI spec that nvidia-ctk has just made does not name '%s': podman cannot bind "
		"it",
		uuid);
	return tr_hint(err, "nvidia-ctk cdi list   shows what it names");
}
