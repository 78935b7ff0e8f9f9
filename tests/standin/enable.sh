# Sourced as an SDK's own enable.sh is: without it the stand-in of poptorch refuses its import.
export POPLAR_SDK_ENABLED=stand-in
echo "Poplar SDK enabled (a stand-in)"
