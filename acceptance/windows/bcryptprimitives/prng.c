// bcryptprimitives.dll's one function that Go programs need, for Wine 8, which hasn't got it.
#include <windows.h>
#include <ntsecapi.h>

__declspec(dllexport) BOOL WINAPI ProcessPrng(PBYTE data, SIZE_T size) {
	while (size > 0) {
		ULONG part = size > 0x10000000 ? 0x10000000 : (ULONG)size;
		if (!RtlGenRandom(data, part)) {
			return FALSE;
		}
		data += part;
		size -= part;
	}
	return TRUE;
}
