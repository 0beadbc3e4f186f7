/* SPDX-License-Identifier: Apache-2.0 */
#include "run/run_priv.h"

#include <curl/curl.h>
#include <stdio.h>

enum { PROBE_MS = 1000, HTTP_OK = 200 };

static size_t throw_away(char *data, size_t size, size_t n, void *arg)
{
	(void)data;
	(void)arg;
	return size * n;
}

/* No proxy, whatever the environment says: the server is on this machine. */
int tr_probe_ready(uint16_t port, const char *path)
{
	CURL *curl = curl_easy_init();
	char url[512];
	long status = 0;
	bool ready;

	if (!curl)
		return 0;
	if ((size_t)snprintf(url, sizeof(url), "http://127.0.0.1:%u%s", port, path ? path : "/") >=
		sizeof(url)) {
		curl_easy_cleanup(curl);
		return 0;
	}
	curl_easy_setopt(curl, CURLOPT_URL, url);
	curl_easy_setopt(curl, CURLOPT_PROXY, "");
	curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http");
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)PROBE_MS);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, throw_away);
	if (!path)
		curl_easy_setopt(curl, CURLOPT_CONNECT_ONLY, 1L);
	ready = curl_easy_perform(curl) == CURLE_OK;
	if (ready && path)
		ready = curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status) == CURLE_OK &&
			status == HTTP_OK;
	curl_easy_cleanup(curl);
	return ready;
}
