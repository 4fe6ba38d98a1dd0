"""The centre diagnoses stored windows: by the code of the box, in processes of its own, several windows at a time."""
