"""assesskit: hiring assessments for backend engineers whose score tells the truth."""

__version__ = "0.1.0"
