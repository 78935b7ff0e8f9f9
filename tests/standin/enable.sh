# Sourced as an SDK's own enable.sh is: without it the stand-in of poptorch is not found.
export POPLAR_SDK_ENABLED=stand-in
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
export PYTHONPATH="$here${PYTHONPATH:+:$PYTHONPATH}"
unset here
echo "Poplar SDK enabled (a stand-in)"
