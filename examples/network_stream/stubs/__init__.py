"""Generated from the .proto beside this folder; do not edit."""
