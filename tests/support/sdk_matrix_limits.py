LIMITS = {}
UNSAID = {}
RETRY_AFTER = {"openai_chat": "1","openai_responses": "2","anthropic_messages":"7","gemini_generate":"7","bedrock_converse":None,"cohere_chat":"7"}
def page(callers, dialects, scenarios): return ""
