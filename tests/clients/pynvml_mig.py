# SPDX-License-Identifier: Apache-2.0
"""What an automation of MIG does by pynvml: mode, profiles, creation, devices, refusals, removal."""
import pynvml as nv

nv.nvmlInit()
card = nv.nvmlDeviceGetHandleByIndex(0)
print(nv.nvmlDeviceGetName(card), nv.nvmlSystemGetDriverVersion())
nv.nvmlDeviceSetMigMode(card, nv.NVML_DEVICE_MIG_ENABLE)
assert nv.nvmlDeviceGetMigMode(card) == [1, 1]

sizes = {}
for enum in range(nv.NVML_GPU_INSTANCE_PROFILE_COUNT):
    try:
        info = nv.nvmlDeviceGetGpuInstanceProfileInfo(card, enum)
    except nv.NVMLError_NotSupported:
        continue
    sizes[info.id] = info.memorySizeMB
    assert nv.nvmlDeviceGetGpuInstanceRemainingCapacity(card, info.id) == info.instanceCount
assert sizes == {19: 9728, 20: 9728, 15: 19968, 14: 19968, 9: 40192, 5: 40192, 0: 80640}, sizes

instances = [nv.nvmlDeviceCreateGpuInstance(card, profile) for profile in (9, 14, 19)]
ids = [nv.nvmlGpuInstanceGetInfo(instance).id for instance in instances]
assert ids == [2, 3, 9], ids
try:
    nv.nvmlDeviceCreateGpuInstance(card, 0)
    raise SystemExit("a whole card was cut out of a part")
except nv.NVMLError as error:
    assert error.value == nv.NVML_ERROR_INSUFFICIENT_RESOURCES

computes = []
for instance, enum in zip(instances, (nv.NVML_COMPUTE_INSTANCE_PROFILE_3_SLICE,
                                      nv.NVML_COMPUTE_INSTANCE_PROFILE_2_SLICE,
                                      nv.NVML_COMPUTE_INSTANCE_PROFILE_1_SLICE)):
    info = nv.nvmlGpuInstanceGetComputeInstanceProfileInfo(
        instance, enum, nv.NVML_COMPUTE_INSTANCE_ENGINE_PROFILE_SHARED)
    computes.append(nv.nvmlGpuInstanceCreateComputeInstance(instance, info.id))

names = []
for index in range(nv.nvmlDeviceGetMaxMigDeviceCount(card)):
    try:
        mig = nv.nvmlDeviceGetMigDeviceHandleByIndex(card, index)
    except nv.NVMLError_NotFound:
        break
    uuid = nv.nvmlDeviceGetUUID(mig)
    assert nv.nvmlDeviceGetIndex(mig) == index
    assert nv.nvmlDeviceGetUUID(nv.nvmlDeviceGetHandleByUUID(uuid)) == uuid
    attributes = nv.nvmlDeviceGetAttributes(mig)
    memory = nv.nvmlDeviceGetMemoryInfo(mig)
    assert memory.total == attributes.memorySizeMB << 20 and memory.used == 0
    assert nv.nvmlDeviceGetComputeRunningProcesses(mig) == []
    names.append(nv.nvmlDeviceGetName(mig))
print(names)
assert [str(name).rsplit("MIG ", 1)[1].rstrip("'") for name in names] == [
    "3g.40gb", "2g.20gb", "1g.10gb"], names

try:
    nv.nvmlGpuInstanceDestroy(instances[0])
    raise SystemExit("an instance went with a compute instance in it")
except nv.NVMLError as error:
    assert error.value == nv.NVML_ERROR_IN_USE
for compute in computes:
    nv.nvmlComputeInstanceDestroy(compute)
for instance in reversed(instances):
    nv.nvmlGpuInstanceDestroy(instance)
nv.nvmlDeviceSetMigMode(card, nv.NVML_DEVICE_MIG_DISABLE)
assert nv.nvmlDeviceGetMigMode(card) == [0, 0]
nv.nvmlShutdown()
print("all done")
