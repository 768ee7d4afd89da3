"""history: reads and completes the past.

coverage        what is recorded and what is missing, as facts
coverage_page   the page of it, as text
coverage_words  its words, in each language
"""
