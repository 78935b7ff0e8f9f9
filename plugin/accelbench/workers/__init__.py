"""The worker side: runs in the device's interpreter (Python 3.8 or newer), without pytest."""
